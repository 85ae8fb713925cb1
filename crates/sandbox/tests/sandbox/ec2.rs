//! Gateway endpoints as AWS keeps them.

use crate::client::{Client, all, client, first};

const SERVICE: &str = "com.amazonaws.us-east-1.s3";
const POLICY: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"*"}]}"#;

struct Network {
    aws: Client,
    vpc: String,
    main: String,
}

async fn network() -> Network {
    let aws = client();
    let vpc = first(&aws.ec2("DescribeVpcs", &[]).await.unwrap(), "vpcId").unwrap();
    let tables = aws.ec2("DescribeRouteTables", &[]).await.unwrap();
    let main = first(&tables, "routeTableId").unwrap();
    Network { aws, vpc, main }
}

impl Network {
    async fn create(&self, more: &[(&str, &str)]) -> Result<String, crate::client::AwsError> {
        let mut fields =
            vec![("VpcId", self.vpc.as_str()), ("ServiceName", SERVICE), ("VpcEndpointType", "Gateway")];
        fields.extend_from_slice(more);
        let text = self.aws.ec2("CreateVpcEndpoint", &fields).await?;
        Ok(first(&text, "vpcEndpointId").unwrap())
    }

    async fn describe(&self, fields: &[(&str, &str)]) -> String {
        self.aws.ec2("DescribeVpcEndpoints", fields).await.unwrap()
    }

    async fn policy(&self, id: &str) -> String {
        let text = self.describe(&[("VpcEndpointId.1", id)]).await;
        first(&text, "policyDocument").unwrap().replace("&quot;", "\"")
    }
}

#[tokio::test]
async fn an_endpoints_policy_is_kept_changed_and_reset() {
    let net = network().await;
    let id = net.create(&[("PolicyDocument", POLICY)]).await.unwrap();
    assert_eq!(net.policy(&id).await, POLICY);
    net.aws.ec2("ModifyVpcEndpoint", &[("VpcEndpointId", &id), ("ResetPolicy", "true")]).await.unwrap();
    assert!(net.policy(&id).await.contains("2008-10-17"));
    net.aws.ec2("ModifyVpcEndpoint", &[("VpcEndpointId", &id), ("PolicyDocument", POLICY)]).await.unwrap();
    assert_eq!(net.policy(&id).await, POLICY);
    let bad = net.aws.ec2("ModifyVpcEndpoint", &[("VpcEndpointId", &id), ("PolicyDocument", "{")]).await;
    assert_eq!(bad.unwrap_err().code, "InvalidPolicyDocument");
}

#[tokio::test]
async fn filters_choose_endpoints() {
    let net = network().await;
    let tag = [
        ("TagSpecification.1.ResourceType", "vpc-endpoint"),
        ("TagSpecification.1.Tag.1.Key", "team"),
        ("TagSpecification.1.Tag.1.Value", "red"),
    ];
    let one = net.create(&tag).await.unwrap();
    let two = net.create(&[]).await.unwrap();
    for (name, value, wanted) in [
        ("vpc-id", net.vpc.as_str(), 2),
        ("vpc-id", "vpc-other", 0),
        ("service-name", SERVICE, 2),
        ("service-name", "com.amazonaws.us-east-1.dynamodb", 0),
        ("tag:team", "red", 1),
        ("tag:team", "blue", 0),
        ("vpc-endpoint-id", &two, 1),
        ("vpc-endpoint-state", "Available", 2),
        ("no-such-filter", "x", 0),
    ] {
        let text = net.describe(&[("Filter.1.Name", name), ("Filter.1.Value.1", value)]).await;
        assert_eq!(all(&text, "vpcEndpointId").len(), wanted, "{name}={value}");
    }
    let both = [
        ("Filter.1.Name", "tag:team"),
        ("Filter.1.Value.1", "red"),
        ("Filter.2.Name", "vpc-id"),
        ("Filter.2.Value.1", &net.vpc),
    ];
    assert_eq!(all(&net.describe(&both).await, "vpcEndpointId"), [one]);
}

#[tokio::test]
async fn a_route_table_takes_one_route_a_service_and_shows_it() {
    let net = network().await;
    let id = net.create(&[("RouteTableId.1", &net.main)]).await.unwrap();
    let routes = net.aws.ec2("DescribeRouteTables", &[]).await.unwrap();
    assert!(all(&routes, "gatewayId").contains(&id), "{routes}");
    assert!(first(&routes, "destinationPrefixListId").unwrap().starts_with("pl-"));
    let taken = net.create(&[("RouteTableId.1", &net.main)]).await.unwrap_err();
    assert_eq!(taken.code, "RouteAlreadyExists");
    let other = net.create(&[]).await.unwrap();
    let add = [("VpcEndpointId", other.as_str()), ("AddRouteTableId.1", &net.main)];
    assert_eq!(net.aws.ec2("ModifyVpcEndpoint", &add).await.unwrap_err().code, "RouteAlreadyExists");
    net.aws.ec2("DeleteVpcEndpoints", &[("VpcEndpointId.1", &id)]).await.unwrap();
    net.aws.ec2("ModifyVpcEndpoint", &add).await.unwrap();
    let remove = [("VpcEndpointId", other.as_str()), ("RemoveRouteTableId.1", &net.main)];
    net.aws.ec2("ModifyVpcEndpoint", &remove).await.unwrap();
    let routes = net.aws.ec2("DescribeRouteTables", &[]).await.unwrap();
    assert!(!routes.contains("vpce-"), "{routes}");
}

#[tokio::test]
async fn two_creations_at_once_do_not_share_a_route_table() {
    let net = network().await;
    let fields = [("RouteTableId.1", net.main.as_str())];
    let (one, two) = tokio::join!(net.create(&fields), net.create(&fields));
    assert_eq!([&one, &two].iter().filter(|outcome| outcome.is_ok()).count(), 1, "{one:?} {two:?}");
}

#[tokio::test]
async fn what_is_unknown_is_an_error() {
    let net = network().await;
    let table = net.create(&[("RouteTableId.1", "rtb-0000")]).await.unwrap_err();
    assert_eq!(table.code, "InvalidRouteTableID.NotFound");
    let vpc = net.aws.ec2("CreateVpc", &[("CidrBlock", "10.9.0.0/16")]).await.unwrap();
    let fields = [
        ("VpcId", first(&vpc, "vpcId").unwrap()),
        ("ServiceName", SERVICE.into()),
        ("RouteTableId.1", net.main.clone()),
    ];
    let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    assert_eq!(net.aws.ec2("CreateVpcEndpoint", &fields).await.unwrap_err().code, "InvalidParameter");
    let described =
        net.aws.ec2("DescribeVpcEndpoints", &[("VpcEndpointId.1", "vpce-0000")]).await.unwrap_err();
    assert_eq!(described.code, "InvalidVpcEndpointId.NotFound");
    let modified = net.aws.ec2("ModifyVpcEndpoint", &[("VpcEndpointId", "vpce-0000")]).await.unwrap_err();
    assert_eq!(modified.code, "InvalidVpcEndpointId.NotFound");
    let deleted = net.aws.ec2("DeleteVpcEndpoints", &[("VpcEndpointId.1", "vpce-0000")]).await.unwrap();
    assert_eq!(first(&deleted, "code").as_deref(), Some("InvalidVpcEndpoint.NotFound"));
    let tables = net.aws.ec2("DescribeRouteTables", &[("RouteTableId.1", "rtb-0000")]).await.unwrap_err();
    assert_eq!(tables.code, "InvalidRouteTableID.NotFound");
}
