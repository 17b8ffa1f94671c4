//! Plots as SVG, drawn by hand: colours and fonts come from the page's style sheet, so that one
//! drawing serves light and dark.
//!
//! Not here: what is plotted, and why.

use std::fmt::Write;

/// The drawing's own units; the page scales it.
const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 280.0;
const LEFT: f64 = 76.0;
const RIGHT: f64 = 34.0;
const TOP: f64 = 14.0;
const BOTTOM: f64 = 42.0;

/// More points than this are not seen, and make the page heavy.
pub(super) const MOST_POINTS: usize = 600;

/// A plot under way.
pub(super) struct Plot {
    x: Axis,
    y: Axis,
    body: String,
}

/// An axis: how far it goes, what stands at it, and its ticks.
pub(super) struct Axis {
    pub(super) title: &'static str,
    pub(super) scale: Scale,
    pub(super) from: f64,
    pub(super) to: f64,
    pub(super) ticks: Vec<(f64, String)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Scale {
    Linear,
    Logarithmic,
}

impl Plot {
    pub(super) fn new(x: Axis, y: Axis) -> Self {
        Self { x, y, body: String::new() }
    }

    /// A band over the whole height, such as a phase that does not count.
    pub(super) fn band(&mut self, from: f64, to: f64, label: &str) {
        let (left, right) = (self.at_x(from), self.at_x(to));
        let (width, height) = (right - left, HEIGHT - TOP - BOTTOM);
        if width <= 0.0 {
            return;
        }
        self.push(format_args!(
            "<rect class=\"band\" x=\"{left:.1}\" y=\"{TOP}\" width=\"{width:.1}\" height=\"{height}\"/>"
        ));
        if width > 50.0 {
            let (x, y) = (left + 5.0, TOP + 12.0);
            let label = escape(label);
            self.push(format_args!(
                "<text class=\"label\" x=\"{x:.1}\" y=\"{y:.1}\">{label}</text>"
            ));
        }
    }

    /// A vertical line, such as where a phase begins.
    pub(super) fn mark(&mut self, at: f64, label: &str) {
        let (x, bottom) = (self.at_x(at), HEIGHT - BOTTOM);
        self.push(format_args!(
            "<line class=\"mark\" x1=\"{x:.1}\" y1=\"{TOP}\" x2=\"{x:.1}\" y2=\"{bottom}\"/>"
        ));
        let (text_x, text_y, label) = (x + 5.0, TOP + 12.0, escape(label));
        self.push(format_args!(
            "<text class=\"label\" x=\"{text_x:.1}\" y=\"{text_y:.1}\">{label}</text>"
        ));
    }

    pub(super) fn line(&mut self, class: &str, points: &[(f64, f64)]) {
        let path = self.path(points);
        self.push(format_args!("<path class=\"line {class}\" d=\"{path}\"/>"));
    }

    /// A line with what is below it filled.
    pub(super) fn area(&mut self, class: &str, points: &[(f64, f64)]) {
        let (Some(first), Some(last)) = (points.first(), points.last()) else { return };
        let (path, bottom) = (self.path(points), HEIGHT - BOTTOM);
        let (left, right) = (self.at_x(first.0), self.at_x(last.0));
        self.push(format_args!(
            "<path class=\"area {class}\" d=\"{path} L{right:.1} {bottom} L{left:.1} {bottom} Z\"/>"
        ));
        self.line(class, points);
    }

    /// The whole drawing; `says` is read to those who do not see it.
    pub(super) fn finish(self, says: &str) -> String {
        let mut svg = format!(
            "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{}\">",
            escape(says)
        );
        let bottom = HEIGHT - BOTTOM;
        let right = WIDTH - RIGHT;
        let mut write = |text: std::fmt::Arguments<'_>| {
            svg.write_fmt(text).expect("writing into a string cannot fail");
        };
        for (at, label) in &self.y.ticks {
            let y = self.at_y(*at);
            write(format_args!(
                "<line class=\"grid\" x1=\"{LEFT}\" y1=\"{y:.1}\" x2=\"{right}\" y2=\"{y:.1}\"/>\
                 <text class=\"tick\" text-anchor=\"end\" x=\"{:.1}\" y=\"{:.1}\">{label}</text>",
                LEFT - 8.0,
                y + 4.0
            ));
        }
        for (at, label) in &self.x.ticks {
            let x = self.at_x(*at);
            write(format_args!(
                "<line class=\"grid\" x1=\"{x:.1}\" y1=\"{TOP}\" x2=\"{x:.1}\" y2=\"{bottom}\"/>\
                 <text class=\"tick\" text-anchor=\"middle\" x=\"{x:.1}\" y=\"{:.1}\">{label}</text>",
                bottom + 17.0
            ));
        }
        write(format_args!("{}", self.body));
        let (middle_x, middle_y) = ((LEFT + right) / 2.0, (TOP + bottom) / 2.0);
        write(format_args!(
            "<text class=\"title\" text-anchor=\"middle\" x=\"{middle_x:.1}\" y=\"{:.1}\">{}</text>\
             <text class=\"title\" text-anchor=\"middle\" transform=\"translate(12 {middle_y:.1}) \
             rotate(-90)\">{}</text></svg>",
            HEIGHT - 6.0,
            self.x.title,
            self.y.title
        ));
        svg
    }

    fn path(&self, points: &[(f64, f64)]) -> String {
        let mut path = String::new();
        for (place, (x, y)) in points.iter().enumerate() {
            let letter = if place == 0 { 'M' } else { 'L' };
            let (x, y) = (self.at_x(*x), self.at_y(*y));
            write!(path, "{letter}{x:.1} {y:.1} ").expect("writing into a string cannot fail");
        }
        path
    }

    fn at_x(&self, value: f64) -> f64 {
        LEFT + self.x.share(value) * (WIDTH - LEFT - RIGHT)
    }

    fn at_y(&self, value: f64) -> f64 {
        HEIGHT - BOTTOM - self.y.share(value) * (HEIGHT - TOP - BOTTOM)
    }

    fn push(&mut self, text: std::fmt::Arguments<'_>) {
        self.body.write_fmt(text).expect("writing into a string cannot fail");
    }
}

impl Axis {
    /// From zero on, with round ticks.
    pub(super) fn linear(title: &'static str, to: f64, label: impl Fn(f64) -> String) -> Self {
        let step = round_step(to.max(1e-9) / 5.0);
        let to = (to / step).ceil().max(1.0) * step;
        let mut ticks = Vec::new();
        let mut at = 0.0;
        while at <= to * 1.000_001 {
            ticks.push((at, label(at)));
            at += step;
        }
        Self { title, scale: Scale::Linear, from: 0.0, to, ticks }
    }

    /// From zero to exactly `to`, with round ticks: for time, which does not need a margin.
    pub(super) fn exact(title: &'static str, to: f64, label: impl Fn(f64) -> String) -> Self {
        let mut axis = Self::linear(title, to, label);
        axis.to = to;
        axis.ticks.retain(|(at, _)| *at <= to);
        axis
    }

    /// Powers of ten that hold everything from `from` to `to`; both are above zero.
    pub(super) fn logarithmic(
        title: &'static str,
        from: f64,
        to: f64,
        label: impl Fn(f64) -> String,
    ) -> Self {
        let (low, high) = (from.log10().floor(), to.log10().ceil());
        let high = if high > low { high } else { low + 1.0 };
        let mut ticks = Vec::new();
        let mut power = low;
        while power <= high {
            ticks.push((10_f64.powf(power), label(10_f64.powf(power))));
            power += 1.0;
        }
        let (from, to) = (10_f64.powf(low), 10_f64.powf(high));
        Self { title, scale: Scale::Logarithmic, from, to, ticks }
    }

    fn share(&self, value: f64) -> f64 {
        let share = match self.scale {
            Scale::Linear => (value - self.from) / (self.to - self.from),
            Scale::Logarithmic => {
                let value = value.max(self.from);
                (value / self.from).ln() / (self.to / self.from).ln()
            }
        };
        share.clamp(0.0, 1.0)
    }
}

/// 1, 2 or 5 times a power of ten, not below `least`.
fn round_step(least: f64) -> f64 {
    let power = 10_f64.powf(least.log10().floor());
    let times = [1.0, 2.0, 5.0].into_iter().find(|times| times * power >= least);
    times.unwrap_or(10.0) * power
}

/// Text that may stand in a page, also within quotes.
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_hold_everything() {
        let labels = |axis: &Axis| -> Vec<String> {
            axis.ticks.iter().map(|(_, label)| label.clone()).collect()
        };
        let axis = Axis::linear("x", 43.0, |at| format!("{at}"));
        assert_eq!(labels(&axis), ["0", "10", "20", "30", "40", "50"]);
        let axis = Axis::exact("x", 43.0, |at| format!("{at}"));
        assert_eq!((labels(&axis).len(), axis.to), (5, 43.0));
        let axis = Axis::logarithmic("y", 0.7, 230.0, |at| format!("{at}"));
        assert_eq!(labels(&axis), ["0.1", "1", "10", "100", "1000"]);
        assert_eq!((axis.share(0.1), axis.share(1_000.0)), (0.0, 1.0));
        assert!((axis.share(10.0) - 0.5).abs() < 1e-9);
    }

    #[test]
    fn a_plot_is_one_closed_drawing() {
        let mut plot = Plot::new(
            Axis::linear("x", 10.0, |at| format!("{at}")),
            Axis::linear("y", 10.0, |at| format!("{at}")),
        );
        plot.band(0.0, 3.0, "a <band>");
        plot.area("p50", &[(0.0, 0.0), (10.0, 10.0)]);
        let svg = plot.finish("a \"test\"");
        assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>"));
        assert!(svg.contains("a &lt;band&gt;") && svg.contains("a &quot;test&quot;"));
        assert_eq!(svg.matches("<text").count(), svg.matches("</text>").count());
    }
}
