//! What `--verbose` and `RUST_LOG` show, on stderr. Never a secret: of other people's crates, whose debug lines
//! may hold headers and signatures, only warnings pass, whatever `RUST_LOG` asks for.

use tracing::{Level, Metadata};
use tracing_subscriber::filter::{EnvFilter, filter_fn};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// Starts logging; `verbose` counts the flag.
pub(crate) fn start(verbose: u8, color: bool) {
    let ours = match verbose {
        0 => "error",
        1 => "info",
        2 => "debug",
        _ => "trace",
    };
    let filter = EnvFilter::try_from_default_env()
        .ok()
        .filter(|_| verbose == 0)
        .unwrap_or_else(|| EnvFilter::new(format!("error,lakeform={ours}")));
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(color)
        .with_target(verbose > 1)
        .without_time();
    // A second start, in tests, changes nothing.
    let _ = tracing_subscriber::registry().with(filter).with(filter_fn(is_safe)).with(lines).try_init();
}

fn is_safe(metadata: &Metadata<'_>) -> bool {
    is_ours(metadata.target()) || *metadata.level() <= Level::WARN
}

fn is_ours(target: &str) -> bool {
    let name = target.split("::").next().unwrap_or_default();
    name == "lakeform" || name.starts_with("lakeform_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_crates_may_say_much() {
        for ours in ["lakeform", "lakeform_aws::calls", "lakeform::commands"] {
            assert!(is_ours(ours), "{ours}");
        }
        for other in ["aws_smithy_runtime::client", "hyper", "lakeformer", "aws_sigv4"] {
            assert!(!is_ours(other), "{other}");
        }
    }
}
