//! HTML as it is written.
//!
//! Invariant: whatever comes from the document is escaped; only literals of the source are not.

/// A page that grows.
#[derive(Default)]
pub(super) struct Html(String);

impl Html {
    /// Markup of the source.
    pub(super) fn raw(&mut self, markup: &'static str) -> &mut Self {
        self.0.push_str(markup);
        self
    }

    /// Text, also in an attribute.
    pub(super) fn text(&mut self, text: &str) -> &mut Self {
        for letter in text.chars() {
            match letter {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                letter => self.0.push(letter),
            }
        }
        self
    }

    pub(super) fn finish(self) -> String {
        self.0
    }
}

/// Paragraphs of a description, in which what stands between backquotes is code.
pub(super) fn prose(html: &mut Html, text: &str) {
    for paragraph in text.split("\n\n").filter(|paragraph| !paragraph.is_empty()) {
        html.raw("<p>");
        sentence(html, paragraph);
        html.raw("</p>");
    }
}

/// The same without paragraphs.
pub(super) fn sentence(html: &mut Html, text: &str) {
    for (place, part) in text.split('`').enumerate() {
        if place % 2 == 1 {
            html.raw("<code>").text(part).raw("</code>");
        } else {
            html.text(part);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_escaped() {
        let mut html = Html::default();
        prose(&mut html, "a<b> `c&d` \"e'\n\nf");
        assert_eq!(html.finish(), "<p>a&lt;b&gt; <code>c&amp;d</code> &quot;e&#39;</p><p>f</p>");
    }
}
