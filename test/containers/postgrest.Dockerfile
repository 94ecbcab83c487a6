# postgrest.Dockerfile - stands for the image postgrest/postgrest where none can be pulled: the tests' program.
FROM debian:13-slim
COPY postgrest /usr/local/bin/postgrest
USER 1000:1000
EXPOSE 3000
ENTRYPOINT ["postgrest"]
