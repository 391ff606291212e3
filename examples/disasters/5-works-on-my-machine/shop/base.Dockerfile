# The base image was pushed from a laptop: it is there for arm64 alone.
ARG REGISTRY=contoso.azurecr.io
FROM ${REGISTRY}/base/laptop:1
ENTRYPOINT ["echo"]
