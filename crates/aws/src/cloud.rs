//! One account and region: the clients, configured as the `aws` CLI would be.

use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region};
use lakeform_model::{Class, CloudError};

use crate::calls::Calls;
use crate::error::failure;

/// The clients of one account and region.
#[derive(Clone, Debug)]
pub struct Cloud {
    /// The region.
    pub region: String,
    /// The account's 12 digits.
    pub account: String,
    /// The partition: `aws`, `aws-cn` or `aws-us-gov`.
    pub partition: String,
    /// The requests that went out.
    pub calls: Calls,
    pub(crate) ec2: aws_sdk_ec2::Client,
    pub(crate) iam: aws_sdk_iam::Client,
    pub(crate) s3: aws_sdk_s3::Client,
    pub(crate) glue: aws_sdk_glue::Client,
    athena: aws_sdk_athena::Client,
}

/// What the caller decides instead of the environment.
#[derive(Clone, Debug, Default)]
pub struct CloudOptions {
    /// The region the manifest names; without one, the environment's.
    pub region: Option<String>,
    /// The endpoint of every service, such as the sandbox's; without one, the environment's.
    pub endpoint: Option<String>,
    /// Key id and secret, for the sandbox; without them, the environment's.
    pub credentials: Option<(String, String)>,
}

impl Cloud {
    /// Connects: loads the configuration and asks STS who we are, the only call that needs no permission.
    pub async fn connect(options: CloudOptions) -> Result<Self, CloudError> {
        // AWS's own SDKs try three times; a plan of hundreds of calls meets throttling often enough for more.
        let retry = RetryConfig::standard().with_max_attempts(5).with_max_backoff(Duration::from_secs(10));
        let timeout = TimeoutConfig::builder()
            .connect_timeout(Duration::from_secs(5))
            .read_timeout(Duration::from_mins(2))
            .build();
        let mut loader =
            aws_config::defaults(BehaviorVersion::latest()).retry_config(retry).timeout_config(timeout);
        if let Some(region) = options.region {
            loader = loader.region(Region::new(region));
        }
        if let Some(endpoint) = options.endpoint {
            loader = loader.endpoint_url(endpoint);
        }
        if let Some((key, secret)) = options.credentials {
            let credentials = aws_sdk_sts::config::Credentials::new(key, secret, None, None, "lakeform");
            loader = loader.credentials_provider(credentials);
        }
        let config = loader.load().await;
        let region = config.region().map(ToString::to_string).ok_or_else(|| {
            let message = "no region: give `region:` in the manifest, or set AWS_REGION";
            CloudError::new(Class::Invalid, "lakeform:Connect", message)
        })?;
        let calls = Calls::default();
        let sts = aws_sdk_sts::config::Builder::from(&config).interceptor(calls.clone()).build();
        let identity = aws_sdk_sts::Client::from_conf(sts)
            .get_caller_identity()
            .send()
            .await
            .map_err(|error| failure("sts:GetCallerIdentity", &error))?;
        let partition = identity.arn().and_then(|arn| arn.split(':').nth(1)).unwrap_or("aws").to_owned();
        let account = identity.account().unwrap_or_default().to_owned();

        let ec2 = aws_sdk_ec2::config::Builder::from(&config).interceptor(calls.clone()).build();
        let iam = aws_sdk_iam::config::Builder::from(&config).interceptor(calls.clone()).build();
        let glue = aws_sdk_glue::config::Builder::from(&config).interceptor(calls.clone()).build();
        let athena = aws_sdk_athena::config::Builder::from(&config).interceptor(calls.clone()).build();
        // An endpoint of the user's own is an emulator or a gateway: bucket names are no host names there.
        let own_endpoint =
            config.endpoint_url().is_some() || std::env::var_os("AWS_ENDPOINT_URL_S3").is_some();
        let s3 = aws_sdk_s3::config::Builder::from(&config)
            .interceptor(calls.clone())
            .force_path_style(own_endpoint)
            .build();
        Ok(Self {
            region,
            account,
            partition,
            calls,
            ec2: aws_sdk_ec2::Client::from_conf(ec2),
            iam: aws_sdk_iam::Client::from_conf(iam),
            s3: aws_sdk_s3::Client::from_conf(s3),
            glue: aws_sdk_glue::Client::from_conf(glue),
            athena: aws_sdk_athena::Client::from_conf(athena),
        })
    }

    /// The EC2 client.
    pub fn ec2(&self) -> &aws_sdk_ec2::Client {
        &self.ec2
    }

    /// The IAM client.
    pub fn iam(&self) -> &aws_sdk_iam::Client {
        &self.iam
    }

    /// The Athena client, for the data plane.
    pub fn athena(&self) -> &aws_sdk_athena::Client {
        &self.athena
    }

    /// The Glue client, for the data plane.
    pub fn glue(&self) -> &aws_sdk_glue::Client {
        &self.glue
    }

    /// The S3 client, for the data plane.
    pub fn s3(&self) -> &aws_sdk_s3::Client {
        &self.s3
    }

    /// An ARN in this account: `arn:aws:glue:us-east-1:111122223333:job/name`.
    pub fn arn(&self, service: &str, resource: &str) -> String {
        format!("arn:{}:{service}:{}:{}:{resource}", self.partition, self.region, self.account)
    }
}
