//! Gateway endpoints: found by their mark, or by what they serve.

use aws_sdk_ec2::types::{Filter, Tag, VpcEndpoint, VpcEndpointType};
use lakeform_model::BlockedBy;
use lakeform_planner::PlanOptions;

use super::stage::{Stage, adopting, lines};

const DENY: &str = "{ Version: '2012-10-17', Statement: [{ Effect: Deny, Principal: '*', Action: ['s3:Put*', 's3:Get*'], Resource: '*' }] }";

fn network(endpoint: &str) -> String {
    format!("network:\n  gateway_endpoints:\n    s3: {endpoint}\n")
}

impl Stage {
    async fn endpoints(&self) -> Vec<VpcEndpoint> {
        let answer = self.cloud.ec2().describe_vpc_endpoints().send().await.unwrap();
        let all = answer.vpc_endpoints.unwrap_or_default();
        all.into_iter().filter(|one| one.state().is_none_or(|state| state.as_str() != "deleted")).collect()
    }

    async fn endpoint(&self) -> VpcEndpoint {
        let mut all = self.endpoints().await;
        assert_eq!(all.len(), 1, "{all:?}");
        all.remove(0)
    }

    async fn default_vpc(&self) -> String {
        let filter = Filter::builder().name("is-default").values("true").build();
        let answer = self.cloud.ec2().describe_vpcs().filters(filter).send().await.unwrap();
        answer.vpcs()[0].vpc_id().unwrap().to_owned()
    }

    async fn new_table(&self, vpc: &str) -> String {
        let answer = self.cloud.ec2().create_route_table().vpc_id(vpc).send().await.unwrap();
        answer.route_table.unwrap().route_table_id.unwrap()
    }

    async fn tag(&self, id: &str, key: &str, value: &str) {
        let tag = Tag::builder().key(key).value(value).build();
        self.cloud.ec2().create_tags().resources(id).tags(tag).send().await.unwrap();
    }

    async fn foreign(&self, vpc: &str, tables: &[&str]) -> String {
        let request = self.cloud.ec2().create_vpc_endpoint().vpc_endpoint_type(VpcEndpointType::Gateway);
        let request = request.vpc_id(vpc).service_name("com.amazonaws.us-east-1.s3");
        let tables = tables.iter().map(|table| (*table).to_owned()).collect();
        let answer = request.set_route_table_ids(Some(tables)).send().await.unwrap();
        answer.vpc_endpoint.unwrap().vpc_endpoint_id.unwrap()
    }
}

/// `resets`: whether the emulator knows `ResetPolicy`; moto 5.2.5 passes over it.
async fn life(stage: Stage, resets: bool) {
    let vpc = stage.default_vpc().await;
    let extra = stage.new_table(&vpc).await;
    stage.tag(&extra, "tier", "private").await;
    let bring = async |endpoint: &str| stage.bring(&stage.wants(&network(endpoint))).await;

    assert_eq!(bring("{}").await, ["create gateway_endpoint.s3"]);
    assert_eq!(stage.endpoint().await.route_table_ids().len(), 1);

    // Each field, once.
    let update = |field: &str| vec![format!("update gateway_endpoint.s3: {field}")];
    let with_policy = format!("{{ policy: {{ document: {DENY} }} }}");
    assert_eq!(bring(&with_policy).await, update("policy"));
    assert!(stage.endpoint().await.policy_document().unwrap().contains("Deny"));
    assert_eq!(bring(&with_policy.replace("s3:Put*", "s3:Delete*")).await, update("policy.Statement"));
    if resets {
        assert_eq!(bring("{}").await, update("policy"));
    } else {
        stage.destroy(&stage.wants(&network(&with_policy))).await;
        assert_eq!(bring("{}").await, ["create gateway_endpoint.s3"]);
    }
    let id = stage.endpoint().await.vpc_endpoint_id.unwrap();
    assert!(!stage.endpoint().await.policy_document().unwrap_or_default().contains("Deny"));
    assert_eq!(bring("{ tags: { team: data } }").await, update("tags.team"));
    assert_eq!(bring("{}").await, update("tags.team"));
    assert_eq!(bring("{ route_tables: all }").await, update("route_tables"));
    assert_eq!(stage.endpoint().await.route_table_ids().len(), 2);
    assert_eq!(bring("{ route_tables: { tags: { tier: private } } }").await, update("route_tables"));
    assert_eq!(stage.endpoint().await.route_table_ids(), std::slice::from_ref(&extra));
    assert_eq!(bring("{ route_tables: main }").await, update("route_tables"));

    // What others add stays, and is not lost unasked.
    stage.tag(&id, "theirs", "1").await;
    let modify = stage.cloud.ec2().modify_vpc_endpoint().vpc_endpoint_id(&id);
    modify.add_route_table_ids(&extra).send().await.unwrap();
    assert_eq!(bring("{}").await, Vec::<String>::new());
    assert_eq!(bring("{ tags: { team: data } }").await, update("tags.team"));
    let now = stage.endpoint().await;
    assert_eq!((now.vpc_endpoint_id(), now.route_table_ids().len()), (Some(id.as_str()), 2));
    assert!(now.tags().iter().any(|tag| tag.key() == Some("theirs")));
    let wanted = stage.wants(&network("{}"));
    let destroy = PlanOptions { destroy: true, ..PlanOptions::default() };
    let plan = stage.plan(&wanted, &destroy).await;
    let denied: Vec<&str> = plan.denials().map(|finding| finding.code.as_str()).collect();
    assert_eq!(denied, ["data-loss"]);
    let modify = stage.cloud.ec2().modify_vpc_endpoint().vpc_endpoint_id(&id);
    modify.remove_route_table_ids(&extra).send().await.unwrap();

    // Renamed in the manifest, it is the same one; another service is another one.
    let renamed = stage.wants(&network("{}").replace("s3: {}", "lake: {}"));
    assert_eq!(stage.bring(&renamed).await, ["update gateway_endpoint.lake: tags.team"]);
    assert_eq!(stage.endpoint().await.vpc_endpoint_id(), Some(id.as_str()));
    let other = stage.wants(&network("{ service: dynamodb }").replace("s3:", "lake:"));
    assert_eq!(stage.bring(&other).await.len(), 2);
    assert_ne!(stage.endpoint().await.vpc_endpoint_id(), Some(id.as_str()));

    assert_eq!(stage.destroy(&other).await, ["delete gateway_endpoint.lake"]);
    assert!(stage.endpoints().await.is_empty());
    // Made again at once, it is a new one.
    assert_eq!(bring("{}").await, ["create gateway_endpoint.s3"]);
}

#[tokio::test]
async fn an_endpoint_lives_in_the_sandbox() {
    life(Stage::sandbox().await, true).await;
}

#[tokio::test]
async fn an_endpoint_lives_on_the_second_emulator() {
    life(Stage::moto().await, false).await;
}

#[tokio::test]
async fn a_served_route_table_is_a_planned_conflict_and_ours_survives_it() {
    let stage = Stage::sandbox().await;
    let vpc = stage.default_vpc().await;
    let extra = stage.new_table(&vpc).await;
    let theirs = stage.stack_wants("theirs", &network(&format!("{{ route_tables: [{extra}] }}")));
    stage.bring(&theirs).await;
    let reason = async |wanted: &lakeform_model::Desired| {
        let plan = stage.plan(wanted, &PlanOptions::default()).await;
        assert_eq!(lines(&plan), Vec::<String>::new());
        match &plan.blocked[0].by {
            BlockedBy::Conflict { reason, .. } => reason.clone(),
            other => panic!("{other:?}"),
        }
    };
    let all = stage.wants(&network("{ route_tables: all }"));
    let said = reason(&all).await;
    assert!(said.contains(&extra) && said.contains("the stack `theirs`"), "{said}");
    // Beside theirs, with a table of our own.
    stage.bring(&stage.wants(&network("{}"))).await;
    assert_eq!(stage.endpoints().await.len(), 2);
    assert!(reason(&all).await.contains(&extra));
    assert_eq!(stage.destroy(&all).await, ["delete gateway_endpoint.s3"]);
    assert_eq!(stage.endpoints().await.len(), 1);
    assert_eq!(stage.bring(&theirs).await, Vec::<String>::new());
}

#[tokio::test]
async fn an_unmarked_endpoint_is_adopted_and_released() {
    let stage = Stage::sandbox().await;
    let vpc = stage.default_vpc().await;
    let tables = stage.cloud.ec2().describe_route_tables().send().await.unwrap();
    let main = tables.route_tables()[0].route_table_id().unwrap().to_owned();
    let id = stage.foreign(&vpc, &[&main]).await;
    let wanted = stage.wants(&network("{ tags: { team: data } }"));
    let refused = stage.plan(&wanted, &PlanOptions::default()).await;
    assert_eq!(refused.denials().count(), 1);
    assert_eq!(stage.bring_with(&wanted, &adopting()).await, ["adopt gateway_endpoint.s3: tags.team"]);
    assert_eq!(stage.endpoint().await.vpc_endpoint_id(), Some(id.as_str()));
    stage.destroy(&wanted).await;
    let left = stage.endpoint().await;
    assert!(
        !left.tags().iter().any(|tag| tag.key().unwrap_or_default().starts_with("lakeform:")),
        "{left:?}"
    );
}

#[tokio::test]
async fn a_plan_takes_three_calls() {
    let stage = Stage::sandbox().await;
    let wanted = stage.wants(&network("{}"));
    stage.bring(&wanted).await;
    let count = || -> u64 {
        let calls = stage.cloud.calls.by_operation();
        calls.iter().filter(|(name, _)| name.starts_with("ec2:")).map(|(_, count)| count).sum()
    };
    let before = count();
    stage.plan(&wanted, &PlanOptions::default()).await;
    assert_eq!(count() - before, 3);
}
