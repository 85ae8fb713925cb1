//! Reads live: every kind side by side, with the fewest calls each kind knows.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use futures_util::stream::{self, StreamExt};
use lakeform_model::{
    Account, Address, Desired, Fields, Holders, Holds, Kind, Kinds, Live, Plan, Snapshot, Survey,
    SurveyRequest, Wanted,
};

/// How many reads of one sort are under way at once.
const SIDE_BY_SIDE: usize = 8;

/// Reads everything the manifest wants, and finds what else carries its stack's mark. Makes no mutating call.
pub async fn survey(account: &dyn Account, desired: &Desired, kinds: Kinds) -> Snapshot {
    let mut snapshot = Snapshot::default();
    let mut by_kind: BTreeMap<&str, Vec<Wanted>> = BTreeMap::new();
    let resolved = stream::iter(desired.resources.values().cloned().map(|resource| async move {
        let wanted = Wanted {
            address: resource.address.clone(),
            identity: resource.identity.clone(),
            fields: resource.fields.clone(),
            files: resource.files.clone(),
        };
        let resolved = account.resolve(resource.address.kind(), wanted).await;
        (resource.address, resolved)
    }));
    let resolved: Vec<_> = resolved.buffered(SIDE_BY_SIDE).collect().await;
    for (address, result) in resolved {
        let Some(kind) = kinds.get(address.kind()) else { continue };
        match result {
            Ok(wanted) => {
                let resource = desired.resources.get(&address);
                if resource.is_some_and(|old| old.identity != wanted.identity || old.fields != wanted.fields)
                {
                    let meant: (String, Fields) = (wanted.identity.clone(), wanted.fields.clone());
                    snapshot.resolved.insert(address, meant);
                }
                by_kind.entry(kind.name()).or_default().push(wanted);
            }
            Err(error) => {
                snapshot.wanted.insert(address, Live::Unreadable(error));
            }
        }
    }

    // What holds data is read first: other kinds' marks may lie in it.
    let (holders, others): (Vec<&dyn Kind>, Vec<&dyn Kind>) =
        kinds.0.iter().copied().partition(|kind| kind.facts().holds == Holds::Data);
    let mut hints = Holders::new();
    for kinds in [holders, others] {
        let surveys = join_all(kinds.iter().map(|kind| {
            let wanted = by_kind.get(kind.name()).map(Vec::as_slice).unwrap_or_default();
            let request = SurveyRequest { stack: &desired.stack, wanted, find_owned: true, hints: &hints };
            async move { (kind.name(), wanted, account.survey(kind.name(), request).await) }
        }))
        .await;
        let mut seen = Holders::new();
        for (kind, wanted, survey) in surveys {
            let identities = wanted.iter().map(|wanted| &wanted.identity);
            let identities = identities.chain(survey.owned.iter().map(|present| &present.identity));
            seen.entry(kind.to_owned()).or_default().extend(identities.cloned());
            record(&mut snapshot, kind, wanted, survey);
        }
        hints = seen;
    }
    snapshot
}

fn record(snapshot: &mut Snapshot, kind: &str, wanted: &[Wanted], survey: Survey) {
    let Survey { found, owned, blind } = survey;
    let addresses: Vec<&Address> = wanted.iter().map(|wanted| &wanted.address).collect();
    snapshot.wanted.extend(addresses.into_iter().cloned().zip(found));
    snapshot.owned.extend(owned.into_iter().map(|present| (kind.to_owned(), present)));
    if let Some(error) = blind {
        snapshot.blind.insert(kind.to_owned(), error);
    }
}

/// Counts what would be lost by the plan's deletes and replaces, so that a second plan can judge them.
/// What could not be counted stays unknown, and unknown data is guarded as data.
pub async fn take_inventories(account: &dyn Account, plan: &Plan, snapshot: &mut Snapshot) {
    let removals = plan.steps.iter().filter(|step| step.removes());
    let counts = removals.filter_map(|step| {
        let present = step.live.clone()?;
        let kind = step.address.kind().to_owned();
        Some(async move {
            let key = Snapshot::inventory_key(&kind, &present.identity);
            (key, account.inventory(&kind, &present).await)
        })
    });
    let counts: Vec<_> = stream::iter(counts.collect::<Vec<_>>()).buffered(SIDE_BY_SIDE).collect().await;
    for (key, count) in counts {
        match count {
            Ok(inventory) => {
                snapshot.inventories.insert(key, inventory);
            }
            Err(error) => tracing::warn!(%key, %error, "could not count what is in it"),
        }
    }
}
