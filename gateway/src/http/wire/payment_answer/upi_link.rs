//! The link by which a customer pays in a UPI app, and its picture.
//!
//! The link is that of NPCI's *UPI Linking Specifications*: `upi://pay?pa=…&pn=…&tr=…&tn=…&am=…&cu=…`,
//! for payee address and name, transaction reference, note, amount and currency.
//!
//! Invariant: link and picture depend on the payment alone, and so are the same whenever they are
//! rendered.

use std::fmt::{self, Write};

use base64::{display::Base64Display, prelude::BASE64_STANDARD};
use qrcode::{Color, EcLevel, QrCode};
use serde::{Serialize, Serializer};
use tollgate_domain::{NextAction, Payment, PaymentMethod, PaymentState};

/// The longest note, in characters.
const LONGEST_NOTE: usize = 50;

/// Pixels of a module's side: large enough for a camera in front of a screen.
const MODULE: usize = 4;

/// Modules of white around the code, as ISO/IEC 18004 asks for.
const QUIET_ZONE: usize = 4;

/// A payment's link, as long as the customer is to pay by it.
#[derive(Clone, Copy)]
pub(super) struct UpiLink<'p> {
    payment: &'p Payment,
    payee_vpa: &'p str,
    payee_name: &'p str,
    reference: &'p str,
}

/// A link's picture, as a data URI of a PNG.
#[derive(Clone, Copy)]
pub(super) struct QrImage<'p>(pub(super) UpiLink<'p>);

impl<'p> UpiLink<'p> {
    /// `None` unless the customer has to approve in a UPI app.
    pub(super) fn of(payment: &'p Payment) -> Option<Self> {
        let PaymentState::RequiresAction {
            action: NextAction::ApproveUpi { payee_vpa, reference },
            ..
        } = payment.state()
        else {
            return None;
        };
        let PaymentMethod::Upi(facts) = &payment.intent().method else { return None };
        Some(Self { payment, payee_vpa, payee_name: &facts.payee_name, reference })
    }

    /// What the payment is for, in as many characters as a note has.
    fn note(self) -> impl Iterator<Item = char> {
        let intent = self.payment.intent();
        let note = intent.description.as_deref().or(intent.order_id.as_deref());
        note.unwrap_or("Payment").chars().take(LONGEST_NOTE)
    }
}

impl fmt::Display for UpiLink<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let money = self.payment.intent().money;
        formatter.write_str("upi://pay?pa=")?;
        escape(self.payee_vpa.chars(), formatter)?;
        formatter.write_str("&pn=")?;
        escape(self.payee_name.chars(), formatter)?;
        formatter.write_str("&tr=")?;
        escape(self.reference.chars(), formatter)?;
        formatter.write_str("&tn=")?;
        escape(self.note(), formatter)?;
        write!(formatter, "&am={}&cu={}", money.to_major_units(), money.currency.code())
    }
}

impl Serialize for UpiLink<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Serialize for QrImage<'_> {
    /// `null` where the link is too long for a code, which no payee of a usual length makes it.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Some(png) = png_of(&self.0.to_string()) else { return serializer.serialize_none() };
        let text = Base64Display::new(&png, &BASE64_STANDARD);
        serializer.collect_str(&format_args!("data:image/png;base64,{text}"))
    }
}

/// The picture of a link that was rendered before, as [`QrImage`] shows it.
pub(super) fn qr_data_uri(link: &str) -> Option<String> {
    let png = png_of(link)?;
    Some(format!("data:image/png;base64,{}", Base64Display::new(&png, &BASE64_STANDARD)))
}

/// RFC 3986: unreserved characters stand for themselves, and so does the `@` of an address, which a
/// query may hold; anything else is written in hexadecimal digits, byte by byte.
fn escape(text: impl Iterator<Item = char>, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
    for letter in text {
        if letter.is_ascii_alphanumeric() || matches!(letter, '-' | '.' | '_' | '~' | '@') {
            formatter.write_char(letter)?;
            continue;
        }
        let mut bytes = [0; 4];
        for byte in letter.encode_utf8(&mut bytes).bytes() {
            write!(formatter, "%{byte:02X}")?;
        }
    }
    Ok(())
}

/// A QR code as a PNG of one bit a pixel.
fn png_of(text: &str) -> Option<Vec<u8>> {
    // Medium correction is what printed codes have; what is too long for it may still fit with low.
    let code = QrCode::with_error_correction_level(text, EcLevel::M)
        .or_else(|_too_long| QrCode::with_error_correction_level(text, EcLevel::L))
        .ok()?;
    let width = code.width();
    let side = (width + 2 * QUIET_ZONE) * MODULE;
    let row_bytes = side.div_ceil(8);
    let mut pixels = vec![0xff; row_bytes * side];
    for (index, color) in code.to_colors().into_iter().enumerate() {
        if color == Color::Light {
            continue;
        }
        let (left, top) = (index % width + QUIET_ZONE, index / width + QUIET_ZONE);
        for y in top * MODULE..(top + 1) * MODULE {
            for x in left * MODULE..(left + 1) * MODULE {
                pixels[y * row_bytes + x / 8] &= !(0x80 >> (x % 8));
            }
        }
    }
    let side = u32::try_from(side).ok()?;
    let mut file = Vec::with_capacity(2_048);
    let mut encoder = png::Encoder::new(&mut file, side, side);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::One);
    encoder.write_header().ok()?.write_image_data(&pixels).ok()?;
    Some(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_unreserved_is_escaped() {
        struct Escaped(&'static str);
        impl fmt::Display for Escaped {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                escape(self.0.chars(), formatter)
            }
        }
        for (text, escaped) in [
            ("asha@okbank", "asha@okbank"),
            ("A Shop & Sons", "A%20Shop%20%26%20Sons"),
            ("a=b#c%", "a%3Db%23c%25"),
            ("caf\u{e9} \u{20b9}", "caf%C3%A9%20%E2%82%B9"),
            ("-._~", "-._~"),
        ] {
            assert_eq!(Escaped(text).to_string(), escaped);
        }
    }

    #[test]
    fn codes_are_read_by_a_decoder_of_another_make() {
        // The longest link: every text at its longest, each of its letters twelve characters.
        let longest = format!("upi://pay?pa={}", "%F0%9F%A7%BF".repeat(200));
        for text in ["upi://pay?pa=a@b&am=1.00&cu=INR", longest.as_str()] {
            let png = png_of(text).expect("it fits a code");
            let mut reader = png::Decoder::new(std::io::Cursor::new(png)).read_info().unwrap();
            let mut rows = vec![0; reader.output_buffer_size().unwrap()];
            let frame = reader.next_frame(&mut rows).unwrap();
            let (width, height) = (frame.width as usize, frame.height as usize);
            let mut picture = rqrr::PreparedImage::prepare_from_greyscale(width, height, |x, y| {
                let bit = rows[y * frame.line_size + x / 8] >> (7 - x % 8) & 1;
                bit * 255
            });
            let codes = picture.detect_grids();
            assert_eq!(codes.len(), 1);
            assert_eq!(codes[0].decode().unwrap().1, text);
        }
        assert_eq!(png_of(&"x".repeat(3_000)), None, "longer than any code");
    }
}
