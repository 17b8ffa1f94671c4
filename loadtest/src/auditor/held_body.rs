//! The body of a final answer: the bytes while they are recent, later only their digest.
//!
//! A long run acknowledges millions of answers of more than a kilobyte each; a digest of each is
//! enough to tell that one has changed, which is all that an old answer is asked.

use std::hash::{DefaultHasher, Hash, Hasher};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum HeldBody {
    Whole(Box<[u8]>),
    /// 64 bits guard against accidents; nobody forges answers here.
    Digest {
        length: usize,
        hash: u64,
    },
}

impl HeldBody {
    pub(super) fn whole(body: Box<[u8]>) -> Self {
        Self::Whole(body)
    }

    /// In what the other body differs, or `None` where it is the same.
    pub(super) fn difference(&self, other: &[u8]) -> Option<String> {
        match self {
            Self::Whole(body) if **body == *other => None,
            Self::Whole(body) => {
                let same = body.iter().zip(other).take_while(|(left, right)| left == right).count();
                let was = String::from_utf8_lossy(body);
                Some(format!("the body differs from byte {same} on; it was {was}"))
            }
            Self::Digest { length, hash } if *length == other.len() && *hash == digest(other) => {
                None
            }
            Self::Digest { length, .. } => {
                Some(format!("the body differs; it had {length} bytes, now {}", other.len()))
            }
        }
    }

    pub(super) fn release(&mut self) {
        if let Self::Whole(body) = self {
            *self = Self::Digest { length: body.len(), hash: digest(body) };
        }
    }
}

fn digest(body: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    body.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_is_placed_while_the_bytes_are_held() {
        let mut body = HeldBody::whole(b"abcd".as_slice().into());
        assert_eq!(body.difference(b"abcd"), None);
        assert!(body.difference(b"abXd").unwrap().contains("from byte 2 on"));
        assert!(body.difference(b"abcde").unwrap().contains("from byte 4 on"));
        body.release();
        assert_eq!(body.difference(b"abcd"), None);
        assert!(body.difference(b"abXd").is_some());
    }
}
