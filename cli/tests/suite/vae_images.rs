//! The images of `run vae`: how they are read, which are refused, how they are drawn.

use crate::vae::{ONE, idx, images, vae, write};
use crate::{json, losses, refused};

#[test]
fn packed_images_are_as_good() {
    let folder = tempfile::tempdir().expect("a folder");
    images(folder.path(), "halves");
    std::fs::create_dir(folder.path().join("packed")).expect("a folder");
    for name in ["train-images-idx3-ubyte", "t10k-images-idx3-ubyte"] {
        let plain = std::fs::File::open(folder.path().join("halves").join(name)).expect("images");
        let mut packed = flate2::read::GzEncoder::new(plain, flate2::Compression::fast());
        let path = folder.path().join("packed").join(format!("{name}.gz"));
        std::io::copy(&mut packed, &mut std::fs::File::create(path).expect("a file")).expect("packed");
    }
    let run = |data: &str| json(&vae(&[&ONE, &["--epochs", "2", "--batch", "20", "--data", data]], folder.path()));
    assert_eq!(losses(&run("halves")), losses(&run("packed")));
}

#[test]
fn images_that_are_not_are_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let options = ["--estimator", "reinmax", "--seed", "0", "--epochs", "1", "--data", "images"];
    let run = |more: &[&str]| vae(&[&options, more], folder.path());
    refused(&run(&[]), 1, &["images", "give the folder of MNIST's files", "digits"]);
    std::fs::create_dir(folder.path().join("images")).expect("a folder");
    refused(&run(&[]), 1, &["images", "neither train-images-idx3-ubyte nor train-images-idx3-ubyte.gz"]);
    images(folder.path(), "images");
    let (train, test) = ("train-images-idx3-ubyte", folder.path().join("images").join("t10k-images-idx3-ubyte"));
    refused(&run(&[]), 1, &["40 images to train on", "a batch of 100"]);
    let with_test = |bytes: &[u8]| {
        write(&test, bytes);
        run(&["--batch", "20"])
    };
    refused(&with_test(&idx(7, (4, 6))), 1, &["6 x 4", "4 x 6"]);
    refused(&with_test(&idx(0, (6, 4))), 1, &["t10k-images", "0 images of 6 x 4"]);
    refused(&with_test(&idx(7, (6, 4))[..100]), 1, &["t10k-images", "7 images of 6 x 4, 168 bytes", "84 follow"]);
    refused(&with_test(b"mine"), 1, &["t10k-images", "4 bytes", "the head alone 16"]);
    refused(&with_test(b"mine is not yours"), 1, &["t10k-images", "0x6d696e65", "0x00000803"]);
    refused(&with_test(&[0x1f, 0x8b, 3, 4]), 1, &["t10k-images"]);
    write(&test, &idx(7, (6, 4)));
    let wide = ["--batch", "20", "--hidden", "100000,100000"];
    refused(&run(&wide), 1, &["hidden = [100000, 100000]", "parameters", "268435456"]);
    refused(&run(&["--batch", "20", "--hidden", "4000000000,4000000000"]), 1, &["hidden", "parameters"]);
    std::fs::remove_file(&test).expect("removed");
    refused(&run(&[]), 1, &["t10k-images-idx3-ubyte"]);
    write(&folder.path().join("images").join(format!("{train}.gz")), b"mine");
    std::fs::remove_file(folder.path().join("images").join(train)).expect("removed");
    refused(&run(&[]), 1, &["train-images-idx3-ubyte.gz"]);
    assert!(!folder.path().join("runs").exists(), "nothing was begun");
}

/// Large images are drawn with fewer pixels, long ones within the picture.
#[test]
fn images_of_any_size_have_a_picture() {
    let folder = tempfile::tempdir().expect("a folder");
    for (width, height) in [(1, 300), (300, 1), (200, 150)] {
        images(folder.path(), "sized");
        for (name, count) in [("train-images-idx3-ubyte", 2), ("t10k-images-idx3-ubyte", 1)] {
            write(&folder.path().join("sized").join(name), &idx(count, (width, height)));
        }
        let options = ["--data", "sized", "--estimator", "st", "--seed", "0", "--hidden", "4", "--batch", "2"];
        let out = format!("{width}x{height}");
        json(&vae(&[&options, &["--epochs", "1", "--out", &out]], folder.path()));
        let picture = std::fs::read_to_string(folder.path().join(&out).join("images.svg")).expect("a picture");
        let sides = |tag: &str, name: &str| -> u32 {
            let value = tag.split(&format!(" {name}=\"")).nth(1).expect("an attribute");
            value.split('"').next().and_then(|value| value.parse().ok()).expect("a number")
        };
        let head = picture.lines().next().expect("a head");
        assert!(sides(head, "width") == 880 && sides(head, "height") < 300, "{head}");
        let drawn: Vec<&str> = picture.lines().filter(|line| line.starts_with("<rect")).collect();
        assert!((10..200_000).contains(&drawn.len()), "{} rectangles", drawn.len());
        for tag in drawn {
            assert!(sides(tag, "x") + sides(tag, "width") <= 880 * 8, "{tag}");
        }
    }
}
