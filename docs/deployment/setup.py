"""Prepare the installation of compose.yaml: tables, static files, a user, a bucket, a file manager, a certificate.

It can run again.

Environment: that of `project.settings`, and S3_URL (the store for this server), S3_PUBLIC_URL (for browsers),
S3_SECRET, DJANGO_SUPERUSER_PASSWORD and CERTIFICATE_DIR.
"""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import boto3
import django
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

BUCKET = "files"
KEY = "fileman"


def main() -> None:
    django.setup()
    from django.contrib.auth import get_user_model
    from django.core.management import call_command

    call_command("migrate", interactive=False)
    call_command("collectstatic", interactive=False)  # into the volume, which keeps those of an earlier image
    if not get_user_model().objects.filter(username="admin").exists():
        call_command("createsuperuser", interactive=False, username="admin", email="admin@example.com")
    create_bucket(os.environ["S3_URL"], os.environ["S3_SECRET"], origin=os.environ["PUBLIC_URL"])
    create_file_manager(os.environ["S3_URL"], os.environ["S3_PUBLIC_URL"], os.environ["S3_SECRET"])
    create_certificate(Path(os.environ["CERTIFICATE_DIR"]))


def create_bucket(url: str, secret: str, *, origin: str) -> None:
    """Create the bucket with the CORS rule of the page."""
    store = boto3.client(
        "s3", endpoint_url=url, region_name="us-east-1", aws_access_key_id=KEY, aws_secret_access_key=secret
    )
    if BUCKET not in {bucket["Name"] for bucket in store.list_buckets()["Buckets"]}:
        store.create_bucket(Bucket=BUCKET)
    rule = {"AllowedOrigins": [origin], "AllowedMethods": ["GET", "POST", "PUT"], "AllowedHeaders": ["*"]}
    store.put_bucket_cors(Bucket=BUCKET, CORSConfiguration={"CORSRules": [rule]})


def create_file_manager(url: str, public_url: str, secret: str) -> None:
    """Create or update the file manager of the bucket, as the default one."""
    from fileman.models import FileManager

    manager = FileManager.objects.filter(name="Files").first() or FileManager(name="Files")
    manager.backend_type, manager.is_default, manager.max_file_size = "s3", True, 0
    manager.backend_url = f"s3://{BUCKET}/fileman/"
    manager.settings = {
        "bucket_name": BUCKET,
        "endpoint_url": url,
        "public_endpoint_url": public_url,
        "access_key_id": KEY,
        "secret_access_key": secret,
    }
    manager.save()


def create_certificate(folder: Path) -> None:
    """Create a certificate for localhost that nobody has signed, unless there is one."""
    if (folder / "key.pem").exists():
        return
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=365))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "certificate.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "key.pem").touch(mode=0o600)
    (folder / "key.pem").write_bytes(private)


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
    main()
