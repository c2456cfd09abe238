"""All benchmarks: `python -m tests.bench`. Each prints ratios between two ways in the same run."""

import os

import django


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    django.setup()
    from tests.bench import bench_publish, bench_receiving, bench_s3_signing

    for module in (bench_s3_signing, bench_receiving, bench_publish):
        module.main()


if __name__ == "__main__":
    main()
