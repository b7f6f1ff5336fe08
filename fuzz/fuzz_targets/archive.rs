use std::io::Write;

/// A zip of these entries whose CRCs are right, so that a reader gets past them.
pub fn archive(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = rawzip::ZipArchiveWriter::new(Vec::new());
    for (name, content) in entries {
        let (mut entry, config) = zip.new_file(*name).start().unwrap();
        let mut writer = config.wrap(&mut entry);
        writer.write_all(content).unwrap();
        let (_, descriptor) = writer.finish().unwrap();
        entry.finish(descriptor).unwrap();
    }
    zip.finish().unwrap()
}
