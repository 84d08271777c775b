//! A service of this machine that a page calls: it answers every request alike.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;

/// Longest request that is read; pages send short ones.
const REQUEST_LEN_MAX: usize = 8 << 10;

/// Serves `answer` as JSON to whoever asks, until this program ends; the port.
pub(super) fn serve(answer: &str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        answer.len()
    );
    let whole = format!("{head}{answer}");
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            // One read holds a short request; what the caller does with the answer is its own.
            let _ = stream.read(&mut [0; REQUEST_LEN_MAX]);
            let _ = stream.write_all(whole.as_bytes());
        }
    });
    port
}
