//! Hostile and faulty pickles, in each of the files that hold one.

use lenet::weights::StateDict;

use super::{
    assert_refused, refusal,
    zips::{entry, zip},
};

/// The pickle as a .pdparams, as a .pt, and as a legacy .pt's object.
fn files(pickle: &[u8]) -> [Vec<u8>; 3] {
    let entries = [entry("archive/data.pkl", pickle), entry("archive/byteorder", "little")];
    let magic = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.";
    let system = b"\x80\x02}(X\x0d\0\0\0little_endian\x88u.";
    [pickle.to_vec(), zip(&entries), [&magic[..], system, pickle, b"\x80\x02]."].concat()]
}

#[track_caller]
fn refused(pickle: impl AsRef<[u8]>, why: &str) {
    for file in files(pickle.as_ref()) {
        assert_refused(&file, why);
    }
}

#[test]
fn an_empty_dict_is_a_state_dict_of_nothing_in_each() {
    for file in files(b"\x80\x02}.") {
        assert!(StateDict::from_bytes(&file).unwrap().is_empty());
    }
}

#[test]
fn nothing_is_called_that_is_not_on_the_list() {
    refused(b"\x80\x02cos\nsystem\nX\x09\0\0\0touch /tm\x85R.", "it asks for os.system");
    refused(b"\x80\x02cposix\nsystem\nX\x02\0\0\0ls\x85R.", "it asks for posix.system");
    refused(b"\x80\x02c__builtin__\neval\nX\x03\0\0\x001+1\x85R.", "it asks for __builtin__.eval");
    refused(
        b"\x80\x04\x8c\x08builtins\x8c\x04eval\x93X\x03\0\0\x001+1\x85R.",
        "it asks for builtins.eval",
    );
    refused(b"\x80\x04\x8c\x08builtins\x8c\x07getattr\x93.", "it asks for builtins.getattr");
    // What is only named, or called inside of an argument, is refused as well.
    refused(b"\x80\x02}X\x01\0\0\0acsubprocess\nPopen\ns.", "it asks for subprocess.Popen");
    refused(
        b"\x80\x02ccollections\nOrderedDict\ncos\nsystem\nX\x02\0\0\0ls\x85R\x85R.",
        "it asks for os.system",
    );
    // A chain of calls on what calls return.
    refused(b"\x80\x02ccollections\nOrderedDict\n)R)R)R.", "a call of what is not a function");
    // A name that only begins like one on the list, and a dotted one.
    refused(b"\x80\x02ccollections\nOrderedDict2\n)R.", "it asks for collections.OrderedDict2");
    refused(b"\x80\x04\x8c\x0bcollections\x8c\x12OrderedDict.update\x93.", "it asks for");
    refused(b"\x80\x04NN\x93.", "not strings");
    // INST, OBJ, NEWOBJ, NEWOBJ_EX, EXT1, PERSID: ways of calling that no file of weights needs.
    for instruction in [
        &b"(ios\nsystem\n."[..],
        b"(cos\nsystem\no.",
        b"})\x81.",
        b"})}\x92.",
        b"\x82\x01.",
        b"Pos\n.",
    ] {
        refusal(&[b"\x80\x02", instruction].concat());
    }
}

#[test]
fn lists_are_each_forms_own() {
    // torch's names in a .pdparams, Paddle's in a .pt.
    assert_refused(b"\x80\x02ctorch\nFloatStorage\n.", "it asks for torch.FloatStorage");
    let [_, torch, legacy] = files(b"\x80\x02cnumpy\nndarray\n.");
    assert_refused(&torch, "it asks for numpy.ndarray");
    assert_refused(&legacy, "it asks for numpy.ndarray");
}

#[test]
fn depth_and_size_have_limits() {
    refused(
        [&b"\x80\x02"[..], &vec![b'('; 1 << 20], b"."].concat(),
        "more than 64 containers inside each other",
    );
    let chain =
        |start: &[u8], link: &[u8]| [b"\x80\x02", start, &link.repeat(1 << 18), b"."].concat();
    refused(chain(b")", b"\x85"), "a tuple of 1, not a dict");
    refused(
        [&b"\x80\x02"[..], &b"]".repeat(1 << 18), &b"a".repeat((1 << 18) - 1), b"."].concat(),
        "a list of 1",
    );
    refused([&b"\x80\x02"[..], &vec![b'N'; 3 << 20], b"."].concat(), "more than 1048576 objects");
    refused(
        [&b"\x80\x02)q\0"[..], &b"h\0".repeat(2 << 20), b"."].concat(),
        "more than 1048576 objects",
    );
    // A billion laughs: each tuple holds the one before it twice.
    refused(chain(b")q\0", b"h\0h\0\x86q\0"), "");
    // Dicts and lists that hold themselves.
    refused(b"\x80\x02}q\0X\x01\0\0\0ah\0s.", "\"a\" is a dict of 1, not a tensor");
    refused(b"\x80\x02}q\0X\x05\0\0\0modelh\0s.", "model[\"model\"] is a dict of 1");
    refused(b"\x80\x02]q\0h\0a.", "a list of 1, not a dict");
}

#[test]
fn memo_numbers() {
    refused(b"\x80\x02}r\xff\xff\xff\xff.", "memo number 4294967295");
    refused(b"\x80\x02}r\0\0\x10\0.", "memo number 1048576");
    refused(b"\x80\x02j\xff\xff\xff\xff.", "memo number 4294967295 is not set");
    refused(b"\x80\x02h\x07.", "memo number 7 is not set");
    refused(b"\x80\x02q\0.", "the stack is empty");
    refused(b"\x80\x02}(q\0.", "a mark is where an object should be");
}

#[test]
fn lengths_and_frames_that_lie() {
    refused(b"\x80\x02X\xff\xff\xff\xffab.", "4294967295 bytes should follow");
    refused(
        b"\x80\x04\x8d\xff\xff\xff\xff\xff\xff\xff\xff.",
        "18446744073709551615 bytes should follow",
    );
    refused(b"\x80\x04\x8e\0\0\0\0\0\0\0\x80.", "bytes should follow");
    refused(b"\x80\x04\x95\xff\0\0\0\0\0\0\0}.", "a frame of 255 bytes");
    refused(b"\x80\x04\x95\x01\0\0\0\0\0\0\0X\0\0\0\0.", "beyond its frame");
    refused(b"\x80\x04\x95\x0b\0\0\0\0\0\0\0\x95\x02\0\0\0\0\0\0\0}.", "inside another");
    refused(b"\x80\x04\x95\x04\0\0\0\0\0\0\0}.NN", "stops inside a frame");
    refused([&b"\x80\x02c"[..], &vec![b'a'; 1 << 16], b"\nb\n."].concat(), "too long or cut short");
}

/// No pickler writes an instruction that is newer than the protocol which it states.
#[test]
fn instructions_of_a_later_protocol_than_the_stated_one() {
    let text = b"\0\0\0\0\0\0\0";
    for (needed, instruction) in [
        (3, &b"C\x01b"[..]),
        (3, b"B\x01\0\0\0b"),
        (4, b"\x8c\x01a"),
        (4, &[b"\x8d\x01", &text[..], b"a"].concat()),
        (4, &[b"\x8e\x01", &text[..], b"a"].concat()),
        (4, b"N\x94"),
        (4, b"X\x0b\0\0\0collectionsX\x0b\0\0\0OrderedDict\x93"),
        (4, &[b"\x95\x02", &text[..], b"N"].concat()),
        (5, &[b"\x96\x01", &text[..], b"a"].concat()),
    ] {
        for stated in 2..=5 {
            let pickle = [b"\x80", &[stated][..], instruction, b"."].concat();
            let later = format!("of protocol {needed} in a pickle of protocol {stated}");
            for file in files(&pickle) {
                let refusal = refusal(&file);
                assert_eq!(refusal.contains(&later), stated < needed, "{stated}: {refusal}");
            }
        }
    }
}

#[test]
fn programs_that_make_no_sense() {
    for program in [
        &b"."[..],
        b"}}.",
        b"(.",
        b"t.",
        b"\x87.",
        b"}(Nu.",
        b"}Ns.",
        b"N(NNu.",
        b"}Na.",
        b"NR.",
        b"NNR.",
        b"ccollections\nOrderedDict\nNR.",
        b"ccollections\nOrderedDict\nN\x85R.",
        b"NNb.",
        b"\x8a\x05\x01.",
        b"X\x01\0\0\0\xff.",
        b"}Q.",
        b"\x80\x02}.",
        b"\xff.",
        b"}",
        b"",
    ] {
        for file in files(&[b"\x80\x02", program].concat()) {
            refusal(&file);
        }
    }
    for protocol in [0, 1, 6, 255] {
        refusal(&[0x80, protocol, b'}', b'.']);
        refusal(&zip(&[entry("a/data.pkl", [0x80, protocol, b'}', b'.'])]));
    }
    refusal(&zip(&[entry("a/data.pkl", *b"(dp0\n.")]));
    refused(b"\x80\x02}X\x01\0\0\0aNs.", "\"a\" is None, not a tensor");
    refused(b"\x80\x02}K\x01Ns.", "the integer 1 for a key");
    refused(b"\x80\x02}(X\x01\0\0\0a}X\x01\0\0\0a}u.", "the key \"a\" twice");
    refused(b"\x80\x02}(X\x05\0\0\0model}X\x0a\0\0\0state_dict}u.", "both under");
}

/// A .pt of one tensor `x`, its storage of 4 floats, with this offset, shape and strides, as pickled.
fn one_tensor(offset: &str, shape: &str, strides: &str) -> Vec<u8> {
    one_tensor_of("K\x04", 16, offset, shape, strides)
}

fn one_tensor_of(count: &str, bytes: usize, offset: &str, shape: &str, strides: &str) -> Vec<u8> {
    let mut pickle = b"\x80\x03}X\x01\0\0\0xctorch._utils\n_rebuild_tensor_v2\n((".to_vec();
    pickle.extend(b"X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\x000X\x03\0\0\0cpu");
    pickle.extend(latin(count));
    pickle.extend(b"tQ");
    for part in [offset, shape, strides] {
        pickle.extend(latin(part));
    }
    pickle.extend(b"\x89ccollections\nOrderedDict\n)RtRs.");
    zip(&[entry("archive/data.pkl", pickle), entry("archive/data/0", vec![0; bytes])])
}

fn latin(text: &str) -> Vec<u8> {
    text.chars().map(|c| c as u8).collect()
}

#[test]
fn views_that_reach_outside_their_storage() {
    let good =
        StateDict::from_bytes(&one_tensor("K\0", "K\x02K\x02\u{86}", "K\x02K\x01\u{86}")).unwrap();
    assert_eq!(good.get("x").unwrap().shape(), [2, 2]);
    StateDict::from_bytes(&one_tensor("K\x04", "K\0\u{85}", "K\x01\u{85}")).unwrap();
    let outside = "reach outside a storage of 4 elements";
    assert_refused(&one_tensor("K\x01", "K\x02K\x02\u{86}", "K\x02K\x01\u{86}"), outside);
    assert_refused(&one_tensor("K\0", "K\x05\u{85}", "K\x01\u{85}"), outside);
    assert_refused(&one_tensor("K\x05", "K\0\u{85}", "K\x01\u{85}"), outside);
    assert_refused(&one_tensor("J\u{ff}\u{ff}\u{ff}\u{ff}", "K\x02\u{85}", "K\x01\u{85}"), outside);
    assert_refused(&one_tensor("K\x03", "K\x02\u{85}", "J\u{ff}\u{ff}\u{ff}\u{ff}\u{85}"), outside);
    let huge = "\u{8a}\x08\u{ff}\u{ff}\u{ff}\u{ff}\u{ff}\u{ff}\u{ff}\x7f";
    assert_refused(&one_tensor(huge, "K\x01\u{85}", "K\x01\u{85}"), outside);
    assert_refused(&one_tensor("K\0", "K\x02\u{85}", &format!("{huge}\u{85}")), outside);
    assert_refused(&one_tensor("K\0", &format!("{huge}\u{85}"), "K\x01\u{85}"), outside);
    assert_refused(&one_tensor("K\0", &format!("{huge}K\x02\u{86}"), "K\0K\0\u{86}"), "overflows");
    assert_refused(
        &one_tensor("K\0", "J\u{ff}\u{ff}\u{ff}\u{ff}\u{85}", "K\x01\u{85}"),
        "negative",
    );
    assert_refused(&one_tensor("K\0", "K\x02\u{85}", ")"), "not of one length");
    assert_refused(&one_tensor("N", "K\x02\u{85}", "K\x01\u{85}"), "not integers");
    // A few bytes spread over more than the file could hold.
    assert_refused(
        &one_tensor("K\0", "J\0\0\x10\0\u{85}", "K\0\u{85}"),
        "the tensors come to 8 times the file",
    );
    // Counts that do not agree with the storage.
    for count in ["K\x03", "K\x05", "J\u{ff}\u{ff}\u{ff}\u{ff}", huge, "N"] {
        refusal(&one_tensor_of(count, 16, "K\0", "K\x01\u{85}", "K\x01\u{85}"));
    }
}

#[test]
fn a_name_that_is_bytes_is_none() {
    // SHORT_BINBYTES is bytes; SHORT_BINSTRING is Python 2's str.
    refused(b"\x80\x03}C\x01aNs.", "bytes for a key, not a string");
    for (name, good) in [(&b"U\x01x"[..], true), (b"C\x01x", false)] {
        let tensor = one_tensor("K\0", "K\x02\u{85}", "K\x01\u{85}");
        let renamed = replaced(&tensor, b"X\x01\0\0\0x", name);
        assert_eq!(StateDict::from_bytes(&renamed).is_ok(), good);
        let array =
            one_array(&[b"(K\x01K\x01\x85", &dtype("f4", "<")[..], b"\x89C\x04\0\0\0\0t"].concat());
        let renamed = replaced(&array, b"X\x01\0\0\0x", name);
        assert_eq!(StateDict::from_bytes(&renamed).is_ok(), good);
    }
    let device = replaced(&one_tensor("K\0", ")", ")"), b"X\x03\0\0\0cpu", b"C\x03cpu");
    assert_refused(&device, "not (class, name, device, count)");
    assert_refused(
        b"\x80\x03}X\x1b\0\0\0StructuredToParameterName@@}C\x01aX\x01\0\0\0bss.",
        "not a dict of strings",
    );
}

/// The pickle, or the zip's pickle, with this in place of that.
fn replaced(file: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let replaced = |bytes: &[u8]| {
        let start = bytes.windows(from.len()).position(|window| window == from).unwrap();
        [&bytes[..start], to, &bytes[start + from.len()..]].concat()
    };
    if !file.starts_with(b"PK") {
        return replaced(file);
    }
    let archive = rawzip::ZipArchive::from_slice(file).unwrap();
    let mut records = archive.entries();
    let mut entries = vec![];
    while let Some(record) = records.next_entry().unwrap() {
        let name = String::from_utf8(record.file_path().as_ref().to_vec()).unwrap();
        let data = archive.get_entry(record.wayfinder()).unwrap().data();
        entries.push(entry(
            &name,
            if name.ends_with("data.pkl") { replaced(data) } else { data.into() },
        ));
    }
    zip(&entries)
}

#[test]
fn a_state_on_what_has_none() {
    let tensor = one_tensor("K\0", "K\x02\u{85}", "K\x01\u{85}");
    StateDict::from_bytes(&tensor).unwrap();
    for state in [&b"}b"[..], b"Nb", b"X\x02\0\0\0abb", b"(K\x01J\0\0\0\x40tb"] {
        let stated = replaced(&tensor, b")RtRs.", &[b")RtR", state, b"s."].concat());
        assert_refused(&stated, "a state is set on what torch._utils._rebuild_tensor_v2 makes");
    }
    // A dict has no attributes, and an OrderedDict's are a dict, once.
    refused(b"\x80\x02}}b.", "a state is set on what has none");
    refused(b"\x80\x02ccollections\nOrderedDict\n)RNb.", "a state is set on what has none");
    refused(b"\x80\x02ccollections\nOrderedDict\n)R}b}b.", "a state is set on what has none");
    for file in files(b"\x80\x02ccollections\nOrderedDict\n)R}b.") {
        assert!(StateDict::from_bytes(&file).unwrap().is_empty());
    }
}

#[test]
fn an_ordered_dict_as_python_2_pickles_it() {
    let tensor = one_tensor("K\0", "K\x02\u{85}", "K\x01\u{85}");
    let start = b"}X\x01\0\0\0xctorch._utils";
    let old = replaced(&tensor, start, b"ccollections\nOrderedDict\n(](](U\x01xctorch._utils");
    let old = replaced(&old, b")RtRs.", b")RtReetR.");
    assert_eq!(StateDict::from_bytes(&old).unwrap().names().collect::<Vec<_>>(), ["x"]);
    refused(b"\x80\x02ccollections\nOrderedDict\n](K\x01e\x85R.", "of what is not pairs");
    refused(b"\x80\x02ccollections\nOrderedDict\nK\x01\x85R.", "of what is not a list");
    refused(b"\x80\x02ccollections\nOrderedDict\n]]\x86R.", "more than one argument");
    // A long list, given to many.
    let list = [&b"\x80\x02](](K\x01K\x02eq\0"[..], &b"h\0".repeat(1 << 12), b"eq\x01"].concat();
    let calls = b"ccollections\nOrderedDict\nh\x01\x85R0".repeat(1 << 9);
    let calls =
        calls.strip_suffix(b"0").unwrap().split(|&byte| byte == b'0').collect::<Vec<_>>().concat();
    refused([&list[..], &calls, b"."].concat(), "items of OrderedDicts");
}

/// A few bytes as the elements of many arrays.
#[test]
fn arrays_that_share_bytes_do_not_multiply() {
    let zeros = vec![0; 1 << 16];
    let mut pickle = [b"\x80\x03}(X\x01\0\0\0b", &b"B"[..]].concat();
    pickle.extend((zeros.len() as u32).to_le_bytes());
    pickle.extend(zeros);
    pickle.extend(b"q\0");
    for i in 0..64 {
        pickle.extend([b"X\x02\0\0\0", format!("{i:02}").as_bytes()].concat());
        pickle.extend(b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\0\x85C\x01b\x87R(K\x01M\0\x40\x85");
        pickle.extend([&dtype("f4", "<")[..], b"\x89h\0tb"].concat());
    }
    pickle.extend(b"u.");
    let nested = [b"\x80\x03}X\x05\0\0\0model", &pickle[2..pickle.len() - 1], b"s."].concat();
    let without_bytes = {
        // The bytes under a key beside the state_dict.
        let mut outer = b"\x80\x03}(X\x01\0\0\0bB".to_vec();
        outer.extend((1_u32 << 16).to_le_bytes());
        outer.extend(vec![0; 1 << 16]);
        outer.extend(b"q\0X\x05\0\0\0model}(");
        let arrays = nested.windows(7).position(|window| window == b"X\x02\0\0\x0000").unwrap();
        outer.extend(&nested[arrays..nested.len() - 3]);
        outer.extend(b"uu.");
        outer
    };
    assert_refused(&without_bytes, "arrays come to 8 times the file");
}

/// A .pdparams of one array `x` whose state is this, as pickled.
fn one_array(state: &[u8]) -> Vec<u8> {
    let start = b"\x80\x03}X\x01\0\0\0xcnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\0\x85C\x01b\x87R";
    [&start[..], state, b"bs."].concat()
}

fn dtype(name: &str, order: &str) -> Vec<u8> {
    let start = b"cnumpy\ndtype\nX";
    let mut pickle = start.to_vec();
    pickle.extend((name.len() as u32).to_le_bytes());
    pickle.extend(name.as_bytes());
    pickle.extend(b"\x89\x88\x87R(K\x03X\x01\0\0\0");
    pickle.extend(order.as_bytes());
    pickle.extend(b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\0tb");
    pickle
}

#[test]
fn faulty_arrays() {
    let state = |version: &[u8], shape: &[u8], dtype: &[u8], order: &[u8], bytes: &[u8]| {
        one_array(&[b"(", version, shape, dtype, order, bytes, b"t"].concat())
    };
    let f4 = dtype("f4", "<");
    let two = b"C\x08\0\0\x80?\0\0\0@";
    let good = StateDict::from_bytes(&state(b"K\x01", b"K\x02\x85", &f4, b"\x89", two)).unwrap();
    assert_eq!(good.get("x").unwrap().values()[1], 2.0);
    assert_refused(&state(b"K\x02", b"K\x02\x85", &f4, b"\x89", two), "version the integer 2");
    assert_refused(
        &state(b"K\x01", b"K\x03\x85", &f4, b"\x89", two),
        "takes 12 bytes, there are 8",
    );
    assert_refused(&state(b"K\x01", b"J\xff\xff\xff\xff\x85", &f4, b"\x89", two), "negative");
    assert_refused(&state(b"K\x01", b"N", &f4, b"\x89", two), "not integers");
    assert_refused(&state(b"K\x01", b"K\x02\x85", &f4, b"N", two), "order is not a bool");
    assert_refused(&state(b"K\x01", b"K\x02\x85", &f4, b"\x89", b"N"), "None is not bytes");
    assert_refused(&state(b"K\x01", b"K\x02\x85", b"N", b"\x89", two), "dtype is none");
    let big = b"C\x08?\x80\0\0@\0\0\0";
    let good = state(b"K\x01", b"K\x02\x85", &dtype("f4", ">"), b"\x89", big);
    assert_eq!(StateDict::from_bytes(&good).unwrap().get("x").unwrap().values(), [1.0, 2.0]);
    assert_refused(&state(b"K\x01", b"K\x02\x85", &dtype("i4", "<"), b"\x89", two), "dtype <i4");
    assert_refused(&state(b"K\x01", b"K\x02\x85", &dtype("b1", "|"), b"\x89", two), "dtype |b1");
    assert_refused(&state(b"K\x01", b"K\x02\x85", &dtype("O8", "|"), b"\x89", two), "dtype |O8");
    assert_refused(&one_array(b"N"), "not a tuple of five");
    // What _reconstruct is given has no use, and has to be what NumPy gives it.
    let good = state(b"K\x01", b"K\x02\x85", &f4, b"\x89", two);
    for (from, to) in [
        (&b"K\0\x85C\x01b\x87R"[..], &b"\x8a\x06\0\0\0\0\0\x01\x85C\x01b\x87R"[..]),
        (b"K\0\x85C\x01b\x87R", b"K\x01\x85C\x01b\x87R"),
        (b"C\x01b\x87R", b"C\x02f8\x87R"),
        (b"\x85C\x01b\x87R", b"\x85\x86R"),
    ] {
        assert_refused(&replaced(&good, from, to), "not made by _reconstruct");
    }
    for (from, to) in [
        (&b"J\xff\xff\xff\xffJ"[..], &b"J\0\0\0\x40J"[..]), // the size of an element
        (b"K\0tb", b"K\x3ftb"),                             // flags
        (b"R(K\x03", b"R(K\x09"),                           // the version
        (b"NNN", b"N}N"),                                   // fields
    ] {
        assert_refused(&replaced(&good, from, to), "the state of dtype <f4 is not");
    }
    assert_refused(&replaced(&good, b"\x89\x88\x87R", b"\x88\x88\x87R"), "not made by dtype");
    // An array that was never given a state has no elements: it must not become zeros.
    let start = b"\x80\x03}X\x01\0\0\0xcnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\0\x85C\x01b\x87Rs.";
    assert_refused(start, "not a tensor");
}
