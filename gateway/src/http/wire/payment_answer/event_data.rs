//! What an event tells that was rendered when it was taken into the feed, completed whenever it is
//! told: payments by releases that rendered them then.
//!
//! What is stored has no personal data and no picture of a link: the one may stand nowhere in the
//! clear, the other is made of the link again. Invariant: completed, it is what a `GET` would have
//! answered when it happened, but for what has been erased since.

use std::borrow::Cow;

use serde_json::Value;

use super::upi_link::qr_data_uri;
use crate::vault::{OpenedData, PersonalField};

/// Adds to stored data what it lacks. Data that lacks nothing comes back as it is.
pub(crate) fn complete<'d>(data: &'d [u8], personal: Option<&OpenedData>) -> Cow<'d, [u8]> {
    let has_link = contains(data, UPI_LINK);
    if personal.is_none() && !has_link {
        return Cow::Borrowed(data);
    }
    let Ok(mut payment) = serde_json::from_slice::<Value>(data) else { return Cow::Borrowed(data) };
    for (pointer, field) in [
        ("/customer/email", PersonalField::Email),
        ("/customer/phone", PersonalField::Phone),
        ("/upi/vpa", PersonalField::Vpa),
        ("/wallet/wallet_id", PersonalField::WalletId),
    ] {
        if let (Some(place), Some(text)) =
            (payment.pointer_mut(pointer), personal.and_then(|personal| personal.get(field)))
        {
            *place = text.into();
        }
    }
    if has_link && let Some(picture) = payment["payment_url"].as_str().and_then(qr_data_uri) {
        payment["qr_code"] = picture.into();
    }
    serde_json::to_vec(&payment).map_or(Cow::Borrowed(data), Cow::Owned)
}

/// How a link begins where the customer has to approve in a UPI app.
const UPI_LINK: &[u8] = b"\"payment_url\":\"upi:";

fn contains(data: &[u8], part: &[u8]) -> bool {
    data.windows(part.len()).any(|window| window == part)
}
