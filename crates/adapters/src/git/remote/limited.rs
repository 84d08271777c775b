//! The HTTP of a fetch, whose answers end where a server sends too much.

use std::any::Any;
use std::io::{self, BufRead, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use gix::protocol::transport::client::blocking_io::http::{GetResponse, Http, PostBodyDataKind, PostResponse};

/// What a server may still send. Cloning shares it.
#[derive(Debug, Clone, Default)]
pub(super) struct Allowance {
    left: Arc<AtomicU64>,
    is_spent: Arc<AtomicBool>,
}

impl Allowance {
    /// So many bytes from now on.
    pub(super) fn of(bytes: u64) -> Self {
        let allowance = Self::default();
        allowance.renew(bytes);
        allowance
    }

    /// So many bytes from now on, whatever was left.
    pub(super) fn renew(&self, bytes: u64) {
        self.left.store(bytes, Ordering::Relaxed);
    }

    /// Whether more came than may.
    pub(super) fn is_spent(&self) -> bool {
        self.is_spent.load(Ordering::Relaxed)
    }

    /// How many of so many bytes may be read, and nothing where none of them may.
    fn of_these(&self, len: usize) -> io::Result<usize> {
        let left = usize::try_from(self.left.load(Ordering::Relaxed)).unwrap_or(usize::MAX);
        if len > 0 && left == 0 {
            self.is_spent.store(true, Ordering::Relaxed);
            return Err(io::Error::other("the answer is longer than it may be"));
        }
        Ok(len.min(left))
    }

    fn take(&self, len: usize) {
        let taken = u64::try_from(len).unwrap_or(u64::MAX);
        self.left.store(self.left.load(Ordering::Relaxed).saturating_sub(taken), Ordering::Relaxed);
    }
}

/// HTTP by another implementation, within an allowance.
#[derive(Debug)]
pub(super) struct Limited<H> {
    http: H,
    allowance: Allowance,
}

impl<H> Limited<H> {
    /// By this implementation, and so much.
    pub(super) const fn new(http: H, allowance: Allowance) -> Self {
        Self { http, allowance }
    }

    fn body<B>(&self, body: B) -> Body<B> {
        Body { body, allowance: self.allowance.clone() }
    }
}

impl<H: Http> Http for Limited<H> {
    type Headers = H::Headers;
    type ResponseBody = Body<H::ResponseBody>;
    type PostBody = H::PostBody;

    fn get(
        &mut self,
        url: &str,
        base_url: &str,
        headers: impl IntoIterator<Item = impl AsRef<str>>,
    ) -> gix::Result<GetResponse<Self::Headers, Self::ResponseBody>> {
        let GetResponse { headers, body } = self.http.get(url, base_url, headers)?;
        Ok(GetResponse { headers, body: self.body(body) })
    }

    fn post(
        &mut self,
        url: &str,
        base_url: &str,
        headers: impl IntoIterator<Item = impl AsRef<str>>,
        kind: PostBodyDataKind,
    ) -> gix::Result<PostResponse<Self::Headers, Self::ResponseBody, Self::PostBody>> {
        let PostResponse { post_body, headers, body } = self.http.post(url, base_url, headers, kind)?;
        Ok(PostResponse { post_body, headers, body: self.body(body) })
    }

    fn configure(&mut self, config: &dyn Any) -> gix::Result {
        self.http.configure(config)
    }

    fn redirected_base_url(&self) -> Option<String> {
        self.http.redirected_base_url()
    }
}

/// The body of an answer.
#[derive(Debug)]
pub(super) struct Body<B> {
    body: B,
    allowance: Allowance,
}

impl<B: BufRead> Read for Body<B> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let len = self.fill_buf()?.read(buffer)?;
        self.consume(len);
        Ok(len)
    }
}

impl<B: BufRead> BufRead for Body<B> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        let bytes = self.body.fill_buf()?;
        let len = self.allowance.of_these(bytes.len())?;
        Ok(bytes.get(..len).unwrap_or_default())
    }

    fn consume(&mut self, len: usize) {
        self.allowance.take(len);
        self.body.consume(len);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_ends_where_the_allowance_does_and_another_goes_on_from_there() {
        let allowance = Allowance::of(10);
        let body = |text: &'static str| Body { body: text.as_bytes(), allowance: allowance.clone() };
        let mut read = String::new();
        body("seven b").read_to_string(&mut read).unwrap();
        body("...").read_to_string(&mut read).unwrap();
        assert!(read == "seven b..." && !allowance.is_spent(), "to the last byte");
        body("").read_to_string(&mut read).unwrap();
        assert!(!allowance.is_spent(), "nothing more came");
        let mut more = Vec::new();
        assert!(body("x").read_to_end(&mut more).is_err() && allowance.is_spent());
        allowance.renew(3);
        assert!(body("four").read_to_end(&mut more).is_err());
        assert_eq!(more, b"fou");
    }
}
