# A program whose clock is wrong: two minutes ahead. What waits still waits as long as it should.
ARG IMAGE
FROM ${IMAGE}
USER root
RUN apt-get update && apt-get install -y --no-install-recommends libfaketime && rm -rf /var/lib/apt/lists/* \
    && ln -s /usr/lib/*/faketime/libfaketimeMT.so.1 /opt/faketime.so
ENV LD_PRELOAD=/opt/faketime.so FAKETIME=+120s FAKETIME_DONT_FAKE_MONOTONIC=1
USER ticketflow
