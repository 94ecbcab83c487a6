# postgrest.Dockerfile - stands for the image postgrest/postgrest where none can be pulled: the tests' program.
ARG DEBIAN=debian:trixie-20251020-slim
FROM ${DEBIAN}
COPY postgrest /usr/local/bin/postgrest
USER 1000:1000
EXPOSE 3000
ENTRYPOINT ["postgrest"]
