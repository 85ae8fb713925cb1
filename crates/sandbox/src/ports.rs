//! Loopback ports: a free one, and waiting until one answers. Waits for the port, never for a time.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

/// How often a port that does not answer yet is tried again.
const AGAIN_AFTER: Duration = Duration::from_millis(25);

/// A port nobody listens on now.
pub(crate) fn free() -> std::io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// Whether something listens on a port.
pub(crate) fn answers(port: u16) -> bool {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_ok()
}

/// Waits until a port answers; the check says why to give up, if so.
pub(crate) fn wait_for<E>(port: u16, mut give_up: impl FnMut() -> Option<E>) -> Result<(), E> {
    while !answers(port) {
        if let Some(reason) = give_up() {
            return Err(reason);
        }
        std::thread::sleep(AGAIN_AFTER);
    }
    Ok(())
}
