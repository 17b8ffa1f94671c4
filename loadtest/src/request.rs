//! One HTTP request, before it is bytes.

use std::borrow::Cow;
use std::fmt::Write;
use std::net::SocketAddr;

use crate::credentials::Credentials;

/// What is asked, and with whose key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) verb: Verb,
    pub(crate) path: Cow<'static, str>,
    pub(crate) key: Key,
    pub(crate) idempotency_key: Option<String>,
    /// Sent with `Prefer: respond-async`.
    pub(crate) respond_async: bool,
    /// JSON, or what is meant to be refused as none; or a form.
    pub(crate) body: Option<String>,
    pub(crate) form: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    Get,
    Post,
}

/// Whose key a request carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Key {
    None,
    Operator,
    /// A number among the credentials' merchants.
    Merchant(u32),
}

impl Request {
    pub(crate) fn get(path: impl Into<Cow<'static, str>>, key: Key) -> Self {
        Self {
            verb: Verb::Get,
            path: path.into(),
            key,
            idempotency_key: None,
            respond_async: false,
            body: None,
            form: false,
        }
    }

    /// What a page of the provider sends; it needs no key.
    pub(crate) fn form(path: impl Into<Cow<'static, str>>, body: String) -> Self {
        Self { form: true, ..Self::post(path, Key::None, body) }
    }

    pub(crate) fn post(path: impl Into<Cow<'static, str>>, key: Key, body: String) -> Self {
        Self { verb: Verb::Post, body: Some(body), ..Self::get(path, key) }
    }

    /// The bytes on the wire. Paths and idempotency keys are our own or were checked, so that
    /// nothing in them ends a line.
    pub(crate) fn render(&self, server: SocketAddr, credentials: &Credentials) -> Vec<u8> {
        let body = self.body.as_deref().unwrap_or_default();
        let mut text = String::with_capacity(320 + body.len());
        text.push_str(match self.verb {
            Verb::Get => "GET ",
            Verb::Post => "POST ",
        });
        text.push_str(&self.path);
        write!(text, " HTTP/1.1\r\nhost: {server}\r\n").expect("writing into a string cannot fail");
        if let Some(bearer) = credentials.bearer(self.key) {
            text.extend(["authorization: Bearer ", bearer, "\r\n"]);
        }
        if let Some(key) = &self.idempotency_key {
            text.extend(["idempotency-key: ", key, "\r\n"]);
        }
        if self.respond_async {
            text.push_str("prefer: respond-async\r\n");
        }
        if self.body.is_some() {
            let media = if self.form { "x-www-form-urlencoded" } else { "json" };
            let length = body.len();
            write!(text, "content-type: application/{media}\r\ncontent-length: {length}\r\n")
                .expect("writing into a string cannot fail");
        }
        text.push_str("\r\n");
        text.push_str(body);
        text.into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn render(request: &Request) -> String {
        let credentials = Credentials::of(vec!["sk_test_1".to_owned()], Some("ak_1".to_owned()));
        let bytes = request.render(SocketAddr::from(([127, 0, 0, 1], 80)), &credentials);
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_request_is_rendered_whole() {
        let mut request = Request::post("/a", Key::Merchant(0), "{}".to_owned());
        request.idempotency_key = Some("k".to_owned());
        request.respond_async = true;
        assert_eq!(
            render(&request),
            "POST /a HTTP/1.1\r\nhost: 127.0.0.1:80\r\nauthorization: Bearer sk_test_1\r\n\
             idempotency-key: k\r\nprefer: respond-async\r\ncontent-type: application/json\r\n\
             content-length: 2\r\n\r\n{}"
        );
    }

    #[test]
    fn each_key_is_its_owners() {
        let of = |key| render(&Request::get("/a", key));
        assert_eq!(of(Key::None), "GET /a HTTP/1.1\r\nhost: 127.0.0.1:80\r\n\r\n");
        assert!(of(Key::Operator).contains("authorization: Bearer ak_1\r\n"));
        assert!(of(Key::Merchant(0)).contains("authorization: Bearer sk_test_1\r\n"));
    }
}
