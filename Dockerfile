# One image for all roles: it runs `murmurd`, whose arguments say what it is. docs/operate/docker.md tells how.
#
# The base is pinned by version. A tag can be moved: where a registry can be asked, append @sha256:… to it
# (`docker buildx imagetools inspect python:3.13.16-slim-bookworm` prints the digest).
FROM python:3.13.16-slim-bookworm AS base

FROM base AS build
# A build with it set, to seconds since 1970, gives the same files each time: the wheel takes its times from it, and
# compiled modules are then told apart by what is in them, not by a time.
ARG SOURCE_DATE_EPOCH
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /src
COPY constraints.txt pyproject.toml ./
COPY tools/pins.py tools/pins.py

# What it runs on, and apart from that what builds it: pinned, checked by hash, wheels alone, so nothing is compiled.
RUN python -m venv --without-pip /opt/murmuration \
 && python -m venv /opt/build \
 && python tools/pins.py --extra server --extra distributed > /opt/build/run.txt \
 && python tools/pins.py --build > /opt/build/build.txt \
 && /opt/build/bin/python -m pip --python /opt/murmuration/bin/python install \
      --require-hashes --only-binary :all: -r /opt/build/run.txt \
 && /opt/build/bin/python -m pip install --require-hashes --only-binary :all: -r /opt/build/build.txt

COPY LICENSE README.md ./
COPY protos protos
COPY servers servers
COPY clients/murmuration_client clients/murmuration_client

# The project itself, without a network: its build takes nothing but what is pinned.
RUN --network=none /opt/build/bin/python -m pip wheel --no-index --no-deps --no-build-isolation -w /opt/build/wheel . \
 && /opt/build/bin/python -m pip --python /opt/murmuration/bin/python install --no-index --no-deps /opt/build/wheel/*.whl

FROM base
# The base comes without compiled modules, and each start, each health check too, would compile them anew.
RUN python -m compileall -q -x 'site-packages|/tests?/' /usr/local/lib/python3.13
COPY --from=build /opt/murmuration /opt/murmuration
# It writes no file, so the root may be read-only: all modules are compiled, and Python is to try no more.
ENV PATH=/opt/murmuration/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Murmuration" \
      org.opencontainers.image.description="A microblogging backend: posts, follows and home timelines" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
# A number, so that `runAsNonRoot` can be checked without looking into the image.
USER 10001:10001
WORKDIR /tmp
EXPOSE 7700
ENTRYPOINT ["murmurd"]
CMD ["--help"]
