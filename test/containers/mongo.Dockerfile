# mongo.Dockerfile - stands for the image mongo where none can be pulled: the mongod and the mongosh of the
# tests, started as that image starts them (as a user of its own, with the volume's files belonging to it).
# hadolint global ignore=DL3008
ARG DEBIAN=debian:trixie-20251020-slim
FROM ${DEBIAN}
RUN apt-get update \
	&& apt-get install -y --no-install-recommends libcurl4t64 nodejs \
	&& rm -rf /var/lib/apt/lists/* \
	&& groupadd --gid 999 mongodb && useradd --uid 999 --gid 999 mongodb \
	&& install -d -o mongodb -g mongodb /data/db
COPY mongod /usr/local/bin/mongod
COPY node_modules /usr/local/lib/node_modules
RUN ln -s ../lib/node_modules/mongosh/bin/mongosh.js /usr/local/bin/mongosh
USER 999:999
ENV HOME=/tmp
VOLUME /data/db
