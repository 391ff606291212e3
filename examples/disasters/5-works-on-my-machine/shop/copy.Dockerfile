# The program was built on the laptop, and committed.
ARG REGISTRY=contoso.azurecr.io
FROM ${REGISTRY}/base/busybox:1
COPY tools/server /app/server
ENTRYPOINT ["/app/server"]
