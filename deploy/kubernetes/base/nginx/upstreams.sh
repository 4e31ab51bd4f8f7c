#!/bin/sh
# Run by the image before nginx starts. The templates are those of docker-compose.yml, where replicas have the fixed
# addresses WEB_NETWORK.11 and so on. Here WEB_NETWORK is the word `replica`, and each pair of addresses becomes the
# DNS name of a site's pods, which nginx looks up again and again (`resolve`, from nginx 1.27.3 on).
set -eu
cd "${CONFIGURATION:-/etc/nginx/conf.d}"
domain=$POD_NAMESPACE.svc.$CLUSTER_DOMAIN

sed -i -E '/^ *server replica\.[0-9]2:/d; s#replica\.0/24#'"$POD_NETWORK"'#' ./*.conf
for site in 1-reservations 2-billing 3-portal 4-middleware; do
  sed -i -E "s#server replica\.${site%-*}1:([0-9]+)#server ${site#*-}-pods.$domain:\1 resolve#" ./*.conf
done
sed -i "s#replica\.51:#flower-pods.$domain:#" ./*.conf

nameservers=$(awk '$1 == "nameserver" { printf "%s ", $2 ~ /:/ ? "[" $2 "]" : $2 }' /etc/resolv.conf)
echo "resolver ${nameservers}valid=2s;" >resolver.conf
