//! What the user wishes while something is under way; the wish may grow, never shrink.

use tokio::sync::watch;

/// What is to happen with what is under way and what is not begun.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wish {
    /// Go on.
    #[default]
    GoOn,
    /// Begin nothing more; follow what is under way.
    BeginNothing,
    /// Begin nothing more; leave what is under way to itself.
    Leave,
    /// Begin nothing more; stop what is under way.
    Stop,
}

/// A wish that a signal handler sets and the work looks at. Clones share it.
#[derive(Clone, Debug)]
pub struct Halt(watch::Sender<Wish>);

impl Default for Halt {
    fn default() -> Self {
        Self(watch::Sender::new(Wish::GoOn))
    }
}

impl Halt {
    /// The wish now.
    pub fn wish(&self) -> Wish {
        *self.0.borrow()
    }

    /// Wishes more than before; less than before is not heard.
    pub fn ask(&self, wish: Wish) {
        self.0.send_if_modified(|now| {
            let more = wish > *now;
            if more {
                *now = wish;
            }
            more
        });
    }

    /// Ends when the wish is at least this.
    pub async fn at_least(&self, wish: Wish) {
        let mut receiver = self.0.subscribe();
        // The sender lives as long as `self`, so the wait ends only with the wish.
        let _ = receiver.wait_for(|now| *now >= wish).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_wish_only_grows() {
        let halt = Halt::default();
        halt.ask(Wish::Stop);
        halt.ask(Wish::BeginNothing);
        assert_eq!(halt.wish(), Wish::Stop);
        halt.at_least(Wish::Leave).await;
    }
}
