//! Images: those that are built in, or a folder of them in the format of MNIST.

use std::io::Read;
use std::path::{Path, PathBuf};

use flate2::read::{GzDecoder, MultiGzDecoder};

/// What `--data` calls the images that are built in.
pub(super) const DIGITS: &str = "digits";
/// 8 x 8 pixels of 0 to 16 and the digit, a line each; its source stands beside it.
static DIGITS_CSV_GZ: &[u8] = include_bytes!("../../data/digits.csv.gz");
/// So many of the digits are for training, the others for testing.
const TRAIN_DIGITS: usize = 1500;
/// The first word of a file of images: bytes, in three dimensions.
const IDX_IMAGES: u32 = 0x0803;
/// What a packed file begins with.
const GZIP: [u8; 2] = [0x1f, 0x8b];
/// Bytes before the first pixel.
const IDX_HEADER: usize = 16;

/// Images of one size.
#[derive(Debug)]
pub(crate) struct Images {
    pub(super) width: usize,
    pub(super) height: usize,
    /// The value of white; black is 0.
    white: u8,
    /// Image after image, row by row.
    bytes: Vec<u8>,
}

/// What a run trains and tests on.
#[derive(Debug)]
pub(crate) struct Data {
    pub(super) train: Images,
    pub(super) test: Images,
}

impl Images {
    /// Pixels of one image.
    pub(super) fn pixels(&self) -> usize {
        self.width * self.height
    }

    /// How many images.
    pub(super) fn len(&self) -> usize {
        self.bytes.len() / self.pixels()
    }

    /// Writes the images of these numbers, pixels in [0, 1], one after the other.
    pub(super) fn copy(&self, which: impl Iterator<Item = usize>, out: &mut [f32]) {
        let white = f32::from(self.white);
        let pixels = self.pixels();
        for (image, out) in which.zip(out.chunks_exact_mut(pixels)) {
            for (out, byte) in out.iter_mut().zip(&self.bytes[image * pixels..]) {
                *out = f32::from(*byte) / white;
            }
        }
    }
}

impl Data {
    /// The digits, or the two files of images of a folder.
    pub(super) fn load(source: &str) -> Result<Data, String> {
        let data = if source == DIGITS { digits()? } else { folder(Path::new(source))? };
        let (train, test) = (&data.train, &data.test);
        if (train.width, train.height) != (test.width, test.height) {
            return Err(format!(
                "{source}: images to train on are {} x {}, those to test on {} x {}; give files of one size",
                train.width, train.height, test.width, test.height
            ));
        }
        Ok(data)
    }
}

/// The images that are built in.
fn digits() -> Result<Data, String> {
    let mut text = String::new();
    GzDecoder::new(DIGITS_CSV_GZ).read_to_string(&mut text).map_err(|error| format!("{DIGITS}: {error}"))?;
    let mut bytes = Vec::new();
    for line in text.lines() {
        let numbers: Result<Vec<u8>, _> = line.split(',').map(str::parse).collect();
        let numbers = numbers.map_err(|error| format!("{DIGITS}: {error}"))?;
        bytes.extend(numbers.iter().take(64));
    }
    let test = bytes.split_off(TRAIN_DIGITS * 64);
    let images = |bytes| Images { width: 8, height: 8, white: 16, bytes };
    Ok(Data { train: images(bytes), test: images(test) })
}

/// The images of a folder.
fn folder(folder: &Path) -> Result<Data, String> {
    Ok(Data { train: idx(&find(folder, "train-images")?)?, test: idx(&find(folder, "t10k-images")?)? })
}

/// A file by one of the names that it is distributed under.
fn find(folder: &Path, name: &str) -> Result<PathBuf, String> {
    let names = ["-idx3-ubyte", ".idx3-ubyte", "-idx3-ubyte.gz", ".idx3-ubyte.gz"].map(|end| format!("{name}{end}"));
    if let Err(error) = std::fs::read_dir(folder) {
        let right = format!("give the folder of MNIST's files, or {DIGITS} for the images that are built in");
        return Err(format!("{}: {error}; {right}", folder.display()));
    }
    names.iter().map(|name| folder.join(name)).find(|path| path.is_file()).ok_or_else(|| {
        let [plain, _, packed, _] = &names;
        format!("{}: neither {plain} nor {packed} is there, as a folder of MNIST's files has them", folder.display())
    })
}

/// A file of images: four words of 32 bits (what it is, images, rows, columns), most significant byte first, and
/// pixels; all of it may be packed, whatever the name says.
fn idx(path: &Path) -> Result<Images, String> {
    let named = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let mut bytes = std::fs::read(path).map_err(|error| named(&error))?;
    if bytes.starts_with(&GZIP) {
        let mut unpacked = Vec::new();
        MultiGzDecoder::new(&bytes[..]).read_to_end(&mut unpacked).map_err(|error| named(&error))?;
        bytes = unpacked;
    }
    if bytes.len() < IDX_HEADER {
        return Err(named(&format!("it has {} bytes, and the head alone {IDX_HEADER}", bytes.len())));
    }
    let word = |at: usize| {
        let four = bytes.get(at * 4..).and_then(<[u8]>::first_chunk).copied();
        four.map_or(0, u32::from_be_bytes)
    };
    let [kind, images, height, width] = [0, 1, 2, 3].map(word);
    if kind != IDX_IMAGES {
        return Err(named(&format!("it begins with {kind:#010x}, and a file of images with {IDX_IMAGES:#010x}")));
    }
    let promised = [images, height, width].iter().try_fold(1_usize, |product, n| product.checked_mul(*n as usize));
    let pixels = bytes.len() - IDX_HEADER;
    if promised != Some(pixels) || pixels == 0 {
        let promised = promised.map_or_else(|| "too many".to_owned(), |promised| promised.to_string());
        return Err(named(&format!(
            "its head says {images} images of {width} x {height}, {promised} bytes, and {pixels} follow"
        )));
    }
    Ok(Images { width: width as usize, height: height as usize, white: u8::MAX, bytes: bytes.split_off(IDX_HEADER) })
}
