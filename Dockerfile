# What pods of a cluster run, and the MLflow server: docker build -t registry.example/xenograft:0.1 .
FROM python:3.11-slim-bookworm
ENV PYTHONUNBUFFERED=1 UV_COMPILE_BYTECODE=1 MLFLOW_DISABLE_TELEMETRY=true
RUN apt-get update && apt-get install --yes --no-install-recommends wget && rm -rf /var/lib/apt/lists/*
WORKDIR /opt/xenograft
COPY requirements.lock .
RUN pip install --no-cache-dir uv && uv pip install --system --no-cache -r requirements.lock
COPY . .
RUN uv pip install --system --no-cache --no-deps . && useradd --uid 1000 --create-home xenograft && mkdir /work /artifacts && chown 1000 /work /artifacts
USER 1000
WORKDIR /work
CMD ["xenograft", "--help"]
