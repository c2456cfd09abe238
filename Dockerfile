# The project of this repository behind a proxy: gunicorn on port 8000. compose.yaml starts it with all that it needs.
FROM python:3.13-slim

ENV PYTHONUNBUFFERED=1 VAR_DIR=/srv/fileman
WORKDIR /app

COPY requirements.lock ./
RUN pip install --no-cache-dir --require-hashes -r requirements.lock

COPY manage.py ./
COPY fileman fileman
COPY schema schema
COPY project project
COPY frontend_examples frontend_examples
COPY docs/deployment docs/deployment

# Static files are part of the image; the proxy serves them from the volume.
RUN useradd --system --create-home --home-dir /srv/fileman fileman \
    && DEBUG=1 python manage.py collectstatic --noinput \
    && chown -R fileman: /srv/fileman
USER fileman

EXPOSE 8000
CMD ["gunicorn", "-c", "docs/deployment/gunicorn_config.py", "--bind", "0.0.0.0:8000", "--workers", "2"]
