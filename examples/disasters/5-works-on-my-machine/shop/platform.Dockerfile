# Somebody wrote down the platform that worked on the laptop.
ARG REGISTRY=contoso.azurecr.io
FROM --platform=linux/arm64 ${REGISTRY}/base/busybox:1
ENTRYPOINT ["echo"]
