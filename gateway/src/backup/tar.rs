//! A backup on its way: a tar archive (POSIX ustar) of plain files, the manifest last, so that whoever
//! has no `tollgate` at hand unpacks it with what every system has.
//!
//! ```text
//!   offset  size  header of a file, 512 bytes; numbers are octal digits
//!        0   100  path                    124  12  length            257  6  "ustar" 00
//!      100     8  mode, 0600              136  12  time, seconds     263  2  "00"
//!      108  2 × 8 owner and group, 0      148   8  sum of the header 156  1  "0": a plain file
//!   then its bytes, filled up with zeros to a multiple of 512; at the end 1,024 zeros
//! ```
//!
//! Invariant: what is read has come to the archive's end, every header with its sum, or is an error.

/// Archives are made of blocks.
const BLOCK: usize = 512;

/// The longest path that a header holds.
const LONGEST_PATH: usize = 100;

/// Writes an archive into a buffer of the caller's.
#[derive(Debug)]
pub(crate) struct TarWriter {
    /// Seconds since 1970.
    time: u64,
    /// Bytes of the file that is being written.
    written: u64,
}

/// Reads an archive in whatever parts it comes.
#[derive(Debug, Default)]
pub(crate) struct TarReader {
    state: State,
    header: Vec<u8>,
}

/// What an archive turns out to hold.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Part<'b> {
    /// A file of that path and length begins.
    Begin(String, u64),
    /// The next of its bytes.
    Data(&'b [u8]),
    /// It has all of them.
    End,
}

/// Why an archive cannot be read.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TarFault {
    /// A header is none.
    #[error("a header does not have its sum")]
    Header,
    /// Something else than a plain file.
    #[error("it holds something else than plain files")]
    Kind,
    /// It goes on behind its end.
    #[error("it goes on behind its end")]
    Trailing,
    /// It breaks off.
    #[error("it breaks off")]
    Cut,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum State {
    #[default]
    Header,
    /// Bytes of the file, and of what fills it up, that are still to come.
    Data {
        left: u64,
        filling: u64,
    },
    Filling(u64),
    /// Zeros that have come at the end, in blocks.
    Ending(u8),
    Ended,
}

impl TarWriter {
    pub(crate) fn new(time: u64) -> Self {
        Self { time, written: 0 }
    }

    /// Begins a file.
    ///
    /// # Panics
    /// Where the path is longer than a header holds: those of backups are not.
    pub(crate) fn begin(&mut self, path: &str, bytes: u64, into: &mut Vec<u8>) {
        assert!(path.len() < LONGEST_PATH, "paths of backups are short");
        self.written = 0;
        let mut header = [0; BLOCK];
        let mut put = |offset: usize, text: &[u8]| {
            header[offset..offset + text.len()].copy_from_slice(text);
        };
        put(0, path.as_bytes());
        put(100, b"0000600\0");
        put(108, b"0000000\0");
        put(116, b"0000000\0");
        put(124, format!("{bytes:011o}\0").as_bytes());
        put(136, format!("{:011o}\0", self.time).as_bytes());
        put(156, b"0");
        put(257, b"ustar\0");
        put(263, b"00");
        let sum = sum_of(&header);
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        into.extend(header);
    }

    /// Writes the next bytes of a file.
    pub(crate) fn data(&mut self, bytes: &[u8], into: &mut Vec<u8>) {
        self.written += bytes.len() as u64;
        into.extend_from_slice(bytes);
    }

    /// Ends a file.
    pub(crate) fn end(&mut self, into: &mut Vec<u8>) {
        into.resize(into.len() + filling(self.written), 0);
    }

    /// Ends the archive.
    pub(crate) fn finish(&mut self, into: &mut Vec<u8>) {
        into.resize(into.len() + 2 * BLOCK, 0);
    }
}

impl TarReader {
    /// Takes the next bytes of the archive, and shows what they hold.
    ///
    /// # Errors
    /// Where it is none, as [`TarFault`], or what `take` says.
    pub(crate) fn feed<E: From<TarFault>>(
        &mut self,
        mut bytes: &[u8],
        take: &mut impl FnMut(Part<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        while !bytes.is_empty() {
            match self.state {
                State::Header | State::Ending(_) => {
                    let wanted = (BLOCK - self.header.len()).min(bytes.len());
                    let (head, rest) = bytes.split_at(wanted);
                    self.header.extend_from_slice(head);
                    bytes = rest;
                    if self.header.len() == BLOCK {
                        self.take_header(take)?;
                    }
                }
                State::Data { left, filling } => {
                    let length = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
                    let (data, rest) = bytes.split_at(length);
                    take(Part::Data(data))?;
                    bytes = rest;
                    let left = left - length as u64;
                    self.state = State::Data { left, filling };
                    if left == 0 {
                        take(Part::End)?;
                        self.state = State::after(filling);
                    }
                }
                State::Filling(left) => {
                    let length = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
                    bytes = &bytes[length..];
                    self.state = State::after(left - length as u64);
                }
                // Some fill an archive up with zeros.
                State::Ended if bytes.iter().all(|byte| *byte == 0) => return Ok(()),
                State::Ended => return Err(TarFault::Trailing.into()),
            }
        }
        Ok(())
    }

    /// Whether all of the archive has come.
    ///
    /// # Errors
    /// [`TarFault::Cut`] where it has not.
    pub(crate) fn finish(&self) -> Result<(), TarFault> {
        if self.state == State::Ended { Ok(()) } else { Err(TarFault::Cut) }
    }

    fn take_header<E: From<TarFault>>(
        &mut self,
        take: &mut impl FnMut(Part<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let header = std::mem::take(&mut self.header);
        if header.iter().all(|byte| *byte == 0) {
            self.state = match self.state {
                State::Ending(1) => State::Ended,
                _first => State::Ending(1),
            };
            return Ok(());
        }
        if self.state != State::Header {
            return Err(TarFault::Trailing.into());
        }
        let mut unsummed = [0; BLOCK];
        unsummed.copy_from_slice(&header);
        unsummed[148..156].fill(0);
        if number(&header[148..156]) != Some(sum_of(&unsummed)) {
            return Err(TarFault::Header.into());
        }
        if header[156] != b'0' {
            return Err(TarFault::Kind.into());
        }
        let path = header[..LONGEST_PATH].split(|byte| *byte == 0).next().unwrap_or_default();
        let path = String::from_utf8(path.to_vec()).map_err(|_text| TarFault::Header)?;
        let bytes = number(&header[124..136]).ok_or(TarFault::Header)?;
        take(Part::Begin(path, bytes))?;
        let filling = (BLOCK as u64 - bytes % BLOCK as u64) % BLOCK as u64;
        if bytes == 0 {
            take(Part::End)?;
            self.state = State::Header;
        } else {
            self.state = State::Data { left: bytes, filling };
        }
        Ok(())
    }
}

impl State {
    fn after(filling: u64) -> Self {
        if filling == 0 { Self::Header } else { Self::Filling(filling) }
    }
}

fn filling(written: u64) -> usize {
    let over = usize::try_from(written % BLOCK as u64).expect("below a block");
    (BLOCK - over) % BLOCK
}

/// The sum of a header whose own sum counts as eight spaces.
fn sum_of(header: &[u8; BLOCK]) -> u64 {
    header.iter().map(|byte| u64::from(*byte)).sum::<u64>() + 8 * u64::from(b' ')
}

/// A number in octal digits, which end with a zero or a space.
fn number(field: &[u8]) -> Option<u64> {
    let end = field.iter().position(|byte| matches!(byte, 0 | b' ')).unwrap_or(field.len());
    let digits = std::str::from_utf8(field.get(..end)?).ok()?;
    u64::from_str_radix(digits, 8).ok().filter(|_number| !digits.starts_with('+'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
        let (mut writer, mut bytes) = (TarWriter::new(1_768_473_000), Vec::new());
        for (path, content) in files {
            writer.begin(path, content.len() as u64, &mut bytes);
            content.chunks(100).for_each(|part| writer.data(part, &mut bytes));
            writer.end(&mut bytes);
        }
        writer.finish(&mut bytes);
        bytes
    }

    type Files = Vec<(String, Vec<u8>)>;

    fn read(bytes: &[u8], size: usize) -> Result<Files, TarFault> {
        let (mut reader, mut files) = (TarReader::default(), Files::new());
        for part in bytes.chunks(size) {
            reader.feed::<TarFault>(part, &mut |part| {
                match part {
                    Part::Begin(path, _bytes) => files.push((path, Vec::new())),
                    Part::Data(data) => files.last_mut().unwrap().1.extend(data),
                    Part::End => {}
                }
                Ok(())
            })?;
        }
        reader.finish().map(|()| files)
    }

    #[test]
    fn what_is_written_is_read_in_whatever_parts_it_comes() {
        let files: [(&str, &[u8]); 4] =
            [("log/a", b"one"), ("empty", b""), ("log/b", &[7; 1_024]), ("log/c", &[8; 513])];
        let bytes = archive(&files);
        assert_eq!(bytes.len() % BLOCK, 0);
        let expected: Files =
            files.map(|(path, content)| (path.to_owned(), content.to_vec())).to_vec();
        for size in [1, 7, 511, 512, 513, bytes.len()] {
            assert_eq!(read(&bytes, size).unwrap(), expected, "in parts of {size}");
        }
    }

    #[test]
    fn what_is_cut_or_changed_is_found() {
        let bytes = archive(&[("log/a", &[7; 600])]);
        for length in 0..bytes.len() {
            assert_eq!(read(&bytes[..length], 512), Err(TarFault::Cut), "of {length} bytes");
        }
        for place in [0, 50, 124, 130, 148, 156, 257] {
            let mut changed = bytes.clone();
            changed[place] ^= 1;
            assert!(read(&changed, 512).is_err(), "at {place}");
        }
        assert_eq!(read(&[bytes.clone(), vec![0; 512]].concat(), 512).map(drop), Ok(()));
        assert_eq!(read(&[bytes.clone(), vec![1]].concat(), 512), Err(TarFault::Trailing));
        let mut link = bytes;
        link[156] = b'2';
        let mut header: [u8; BLOCK] = link[..BLOCK].try_into().unwrap();
        header[148..156].fill(0);
        let sum = format!("{:06o}\0 ", sum_of(&header));
        link[148..156].copy_from_slice(sum.as_bytes());
        assert_eq!(read(&link, 512), Err(TarFault::Kind));
    }
}
