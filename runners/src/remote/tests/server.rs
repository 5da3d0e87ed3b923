//! A server on this machine that says exactly the bytes it is given.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread::{self, JoinHandle};

/// What a server does on one connection, after it has read the request.
#[derive(Clone, Debug)]
pub(super) enum Step {
    /// Sends these bytes.
    Send(Vec<u8>),
    /// Says nothing more until the other side leaves.
    Hold,
}

/// A server for as many connections as it has replies; each is closed after its reply.
pub(super) struct Server {
    address: SocketAddr,
    thread: JoinHandle<Vec<String>>,
}

impl Server {
    pub(super) fn start(replies: Vec<Vec<Step>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let thread = thread::spawn(move || {
            let mut requests = Vec::new();
            for reply in replies {
                let (mut connection, _) = listener.accept().expect("a connection");
                requests.push(read_request(&mut connection));
                serve(&mut connection, reply);
            }
            requests
        });
        Self { address, thread }
    }

    pub(super) fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// Waits for the last reply and returns the requests, heads and bodies. The client goes on while it
    /// waits, or it would never close a connection that is held.
    pub(super) async fn requests(self) -> Vec<String> {
        let joined = tokio::task::spawn_blocking(|| self.thread.join()).await;
        joined.expect("the wait did not panic").expect("the server did not panic")
    }
}

fn serve(connection: &mut TcpStream, reply: Vec<Step>) {
    for step in reply {
        let left = match step {
            Step::Send(bytes) => connection.write_all(&bytes).is_err(),
            Step::Hold => {
                let mut rest = Vec::new();
                connection.read_to_end(&mut rest).ok();
                true
            }
        };
        if left {
            return;
        }
    }
}

fn read_request(connection: &mut TcpStream) -> String {
    let mut request = Vec::new();
    let mut piece = [0; 4096];
    loop {
        let read = connection.read(&mut piece).expect("a request");
        request.extend_from_slice(&piece[..read]);
        let text = String::from_utf8_lossy(&request);
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            assert!(read > 0, "half a head: {text}");
            continue;
        };
        let head = head.to_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let length: usize = length.expect("a length").parse().expect("a number");
        if body.len() >= length {
            return text.into_owned();
        }
        assert!(read > 0, "half a body: {text}");
    }
}
