//! The Python packages that scripts import, carried by this program and written where runs find them.

use std::path::Path;

macro_rules! carried {
    ($($path:literal),* $(,)?) => {
        &[$(($path, include_str!(concat!("../../python/", $path)))),*]
    };
}

const FILES: &[(&str, &str)] = carried![
    "awsglue/__init__.py",
    "awsglue/context.py",
    "awsglue/dynamicframe.py",
    "awsglue/gluetypes.py",
    "awsglue/job.py",
    "awsglue/sinks.py",
    "awsglue/transforms/__init__.py",
    "awsglue/transforms/collection.py",
    "awsglue/transforms/field.py",
    "awsglue/transforms/record.py",
    "awsglue/transforms/relation.py",
    "awsglue/transforms/transform.py",
    "awsglue/utils.py",
    "awsgluedq/__init__.py",
    "awsgluedq/transforms.py",
    "lakeform_glue/__init__.py",
    "lakeform_glue/catalog.py",
    "lakeform_glue/conform.py",
    "lakeform_glue/fields.py",
    "lakeform_glue/files.py",
    "lakeform_glue/flattening.py",
    "lakeform_glue/quality.py",
    "lakeform_glue/reading.py",
    "lakeform_glue/records.py",
    "lakeform_glue/run.py",
    "lakeform_glue/same_objects.py",
    "lakeform_glue/sql_tables.py",
    "lakeform_glue/writing.py",
];

/// Writes the packages; what is there already stays as it is.
pub(super) fn write(folder: &Path) -> std::io::Result<()> {
    for (path, text) in FILES {
        let path = folder.join(path);
        if std::fs::read_to_string(&path).is_ok_and(|there| there == *text) {
            continue;
        }
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        // Another run may be reading it: it sees the old or the new, never a half.
        let scratch = path.with_extension(format!("{}.new", std::process::id()));
        std::fs::write(&scratch, text)?;
        std::fs::rename(&scratch, &path)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_the_packages_is_carried() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("python");
        let mut found = Vec::new();
        let mut folders = vec![root.clone()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap().flatten() {
                let path = entry.path();
                if path.is_dir() {
                    if path != root.join("tests") && !path.ends_with("__pycache__") {
                        folders.push(path);
                    }
                } else if path.extension().is_some_and(|extension| extension == "py") {
                    found.push(path.strip_prefix(&root).unwrap().display().to_string());
                }
            }
        }
        found.sort();
        let carried: Vec<&str> = FILES.iter().map(|(path, _)| *path).collect();
        assert_eq!(found, carried);
    }
}
