//! What AWS has made and does not show yet, or does not let be used yet; and answers that stop in the middle.

use std::sync::Arc;
use std::time::{Duration, Instant};

use lakeform_sandbox::{Effect, Fault, Faults};

use crate::binary::said;
use crate::races::side_by_side;
use crate::stage::{APPLY, Stack, Stage};
use crate::{Form, figures};

/// A refusal so many times after something was made.
#[derive(Clone, Copy, Debug)]
struct Delay {
    made: &'static str,
    refused: &'static str,
    code: &'static str,
    status: u16,
    message: &'static str,
    times: u64,
}

const fn delay(made: &'static str, refused: &'static str, code: &'static str, times: u64) -> Delay {
    Delay { made, refused, code, status: 404, message: "it is not there", times }
}

const DELAYS: [Delay; 6] = [
    Delay {
        made: "iam:CreateRole",
        refused: "glue:CreateJob",
        code: "InvalidInputException",
        status: 400,
        message: "Service is unable to assume provided role. Please verify role's TrustPolicy",
        times: 4,
    },
    delay("iam:CreateRole", "iam:GetRole", "NoSuchEntity", 3),
    delay("iam:CreateRole", "iam:PutRolePolicy", "NoSuchEntity", 3),
    delay("s3:CreateBucket", "s3:PutObject", "NoSuchBucket", 3),
    delay("s3:CreateBucket", "s3:PutBucket*", "NoSuchBucket", 3),
    delay("ec2:CreateVpcEndpoint", "ec2:DescribeVpcEndpoints", "InvalidVpcEndpointId.NotFound", 2),
];

async fn delayed(delay: Delay, end: &crate::census::Census) {
    let stage = Stage::new().await;
    let desired = stage.put(Stack::Stedi);
    let refusal = Effect::Error {
        code: delay.code.to_owned(),
        message: Some(delay.message.to_owned()),
        status: Some(delay.status),
    };
    let fault = Fault::on(delay.refused, refusal).since(delay.made).times(delay.times);
    stage.proxy.set_faults(Faults { seed: 0, faults: vec![fault] });
    // The second one meets what is still not seen by then: it makes nothing twice.
    for _ in 0..2 {
        let output = stage.run(APPLY).await;
        assert!(output.status.success(), "{delay:?}: {}", said(&output));
    }
    assert_ne!(stage.proxy.hits(), [0], "{delay:?} was met");
    stage.proxy.set_faults(Faults::default());
    stage.assert_settled(&desired, delay.refused).await;
    stage.census(&desired).await.assert_same(end, delay.refused);
}

#[tokio::test]
async fn what_is_not_seen_everywhere_yet_is_waited_for() {
    let stage = Stage::new().await;
    let desired = stage.put(Stack::Stedi);
    stage.lab.settle(&desired).await;
    let end = Arc::new(stage.census(&desired).await);
    let delays = &DELAYS[..Form::asked().choose(2, DELAYS.len(), DELAYS.len())];
    let all = delays.iter().map(|delay| {
        let end = Arc::clone(&end);
        async move { delayed(*delay, &end).await }
    });
    figures("delays of what AWS has made", side_by_side(all).await);
}

/// The SDK gives up a body that stands still after some twenty seconds.
#[tokio::test]
async fn an_answer_that_stops_midway_is_given_up_and_asked_for_again() {
    let operations =
        Form::asked().choose(&[][..], &["glue:GetTables"], &["glue:GetTables", "glue:CreateTable"]);
    for operation in operations {
        let stage = Stage::new().await;
        let desired = stage.put(Stack::Before);
        let fault = Fault::on(operation, Effect::Stall).times(1);
        stage.proxy.set_faults(Faults { seed: 0, faults: vec![fault] });
        let began = Instant::now();
        let output = stage.run(APPLY).await;
        assert!(output.status.success(), "{operation}: {}", said(&output));
        assert_eq!(stage.proxy.hits(), [1], "{operation} was asked");
        assert!(began.elapsed() < Duration::from_mins(2), "{operation}: {:?}", began.elapsed());
        stage.assert_settled(&desired, operation).await;
        figures("answers that stop midway", 1);
    }
}
