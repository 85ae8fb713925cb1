"""What `awsglue` on the sandbox is built from: the catalog, the formats, the runner of a script."""
