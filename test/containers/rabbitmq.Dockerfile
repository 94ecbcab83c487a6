# rabbitmq.Dockerfile - stands for the image rabbitmq where none can be pulled: Debian's RabbitMQ,
# in the foreground, as a user of its own.
# hadolint global ignore=DL3008
ARG DEBIAN=debian:trixie-20251020-slim
FROM ${DEBIAN}
RUN groupadd --gid 999 rabbitmq \
	&& useradd --uid 999 --gid 999 --home-dir /var/lib/rabbitmq rabbitmq \
	&& apt-get update \
	&& apt-get install -y --no-install-recommends rabbitmq-server \
	&& rm -rf /var/lib/apt/lists/* /var/lib/rabbitmq/* \
	&& install -d -o rabbitmq -g rabbitmq /var/lib/rabbitmq /var/log/rabbitmq /etc/rabbitmq/conf.d
USER 999:999
ENV PATH=/usr/lib/rabbitmq/bin:/usr/bin:/bin HOME=/var/lib/rabbitmq LANG=C.UTF-8 RABBITMQ_LOGS=-
VOLUME /var/lib/rabbitmq
EXPOSE 5672
CMD ["rabbitmq-server"]
