//! How often something is tried again, and how long is waited before it is.

use std::time::Duration;

use super::error::HubError;
use super::wire::{Again, Fault};

/// Tries in a row that bring nothing.
const TRIES_MAX: u32 = 5;
/// Before the second try; twice as long before each later one.
const PAUSE: Duration = Duration::from_millis(250);
/// The longest pause that is waited for when the hub asks for one.
const ASKED_MAX: Duration = Duration::from_mins(2);

/// What is left of the patience with one request.
#[derive(Debug, Default)]
pub(super) struct Patience {
    tried: u32,
}

impl Patience {
    /// Waits until it makes sense to try again, or gives the error back where it does not.
    pub(super) async fn wait(&mut self, fault: Fault) -> Result<(), HubError> {
        self.tried += 1;
        let pause = match fault.again {
            Again::Never => return Err(fault.error),
            Again::Soon => PAUSE * 2_u32.pow(self.tried.min(TRIES_MAX) - 1),
            Again::After(asked) => asked,
        };
        if self.tried >= TRIES_MAX || pause > ASKED_MAX {
            return Err(fault.error);
        }
        tokio::time::sleep(pause).await;
        Ok(())
    }

    /// Something came: the next failure is a first one.
    pub(super) fn renew(&mut self) {
        self.tried = 0;
    }
}

/// Does `work` until it is done or patience ends.
pub(super) async fn persist<T>(
    mut work: impl AsyncFnMut() -> Result<T, Fault>,
) -> Result<T, HubError> {
    let mut patience = Patience::default();
    loop {
        match work().await {
            Ok(done) => return Ok(done),
            Err(fault) => patience.wait(fault).await?,
        }
    }
}
