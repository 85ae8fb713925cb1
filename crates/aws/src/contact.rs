//! The half of a kind that talks to AWS, and the dispatch from the account to its kinds.

use std::future::Future;

use async_trait::async_trait;
use futures_util::stream::{self, StreamExt};
use lakeform_model::{
    Account, Change, Class, CloudError, Force, Inventory, Kind, Live, Present, Survey, SurveyRequest, Target,
    Wanted,
};

use crate::Cloud;
use crate::kinds::CONTACTS;

/// What a kind says to AWS; see [`Account`] for what each call promises.
#[async_trait]
pub(crate) trait Contact: Kind {
    async fn resolve(&self, _cloud: &Cloud, wanted: Wanted) -> Result<Wanted, CloudError> {
        Ok(wanted)
    }

    async fn survey(&self, cloud: &Cloud, request: SurveyRequest<'_>) -> Survey;

    async fn inventory(&self, _cloud: &Cloud, _present: &Present) -> Result<Inventory, CloudError> {
        Ok(Inventory::default())
    }

    async fn create(&self, cloud: &Cloud, target: &Target) -> Result<(), CloudError>;

    async fn update(
        &self,
        cloud: &Cloud,
        target: &Target,
        live: &Present,
        changes: &[Change],
    ) -> Result<(), CloudError>;

    async fn delete(&self, cloud: &Cloud, present: &Present, force: Force) -> Result<(), CloudError>;
}

/// How many calls of one survey are under way at once.
const SIDE_BY_SIDE: usize = 8;

/// Runs `read` for each item, several at once, and gives the answers in the items' order.
pub(crate) fn each<T, F>(
    items: impl IntoIterator<Item = T>,
    read: impl Fn(T) -> F,
) -> impl Future<Output = Vec<F::Output>>
where
    F: Future,
{
    // Here and not in the future: it must not hold the iterator, whose closures bind it to one lifetime.
    let reads: Vec<F> = items.into_iter().map(read).collect();
    async move { stream::iter(reads).buffered(SIDE_BY_SIDE).collect().await }
}

/// What a read says of a wanted resource.
pub(crate) fn live(read: Result<Option<Present>, CloudError>) -> Live {
    match read {
        Ok(Some(present)) => Live::Present(present),
        Ok(None) => Live::Absent,
        Err(error) => Live::Unreadable(error),
    }
}

fn contact(kind: &str) -> Result<&'static dyn Contact, CloudError> {
    CONTACTS.iter().copied().find(|contact| contact.name() == kind).ok_or_else(|| {
        CloudError::new(Class::Invalid, "lakeform:Catalog", format!("this lakeform knows no kind `{kind}`"))
    })
}

#[async_trait]
impl Account for Cloud {
    async fn resolve(&self, kind: &str, wanted: Wanted) -> Result<Wanted, CloudError> {
        contact(kind)?.resolve(self, wanted).await
    }

    async fn survey(&self, kind: &str, request: SurveyRequest<'_>) -> Survey {
        match contact(kind) {
            Ok(contact) => contact.survey(self, request).await,
            Err(error) => Survey::unreadable(&request, &error),
        }
    }

    async fn inventory(&self, kind: &str, present: &Present) -> Result<Inventory, CloudError> {
        contact(kind)?.inventory(self, present).await
    }

    async fn create(&self, kind: &str, target: &Target) -> Result<(), CloudError> {
        contact(kind)?.create(self, target).await
    }

    async fn update(
        &self,
        kind: &str,
        target: &Target,
        live: &Present,
        changes: &[Change],
    ) -> Result<(), CloudError> {
        contact(kind)?.update(self, target, live, changes).await
    }

    async fn delete(&self, kind: &str, present: &Present, force: Force) -> Result<(), CloudError> {
        contact(kind)?.delete(self, present, force).await
    }
}
