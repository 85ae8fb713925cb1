//! Loopback ports: a free one, and waiting until one answers. Waits for the listener, never for a time.

use std::io::{Read as _, Write as _};
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

/// What a plain GET on a port is answered with, the head included.
pub(crate) fn get(port: u16, path: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    write!(stream, "GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n")?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    Ok(text)
}

/// Waits until the check says that the right one listens; the other check says why to give up, if so.
pub(crate) fn wait_for<E>(
    mut ready: impl FnMut() -> bool,
    mut give_up: impl FnMut() -> Option<E>,
) -> Result<(), E> {
    while !ready() {
        if let Some(reason) = give_up() {
            return Err(reason);
        }
        std::thread::sleep(AGAIN_AFTER);
    }
    Ok(())
}
