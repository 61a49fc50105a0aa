{{- define "ultramarket.labels" -}}
app.kubernetes.io/part-of: ultramarket
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "ultramarket.selector" -}}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/name: {{ .name }}
{{- end }}

{{- define "ultramarket.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{- define "ultramarket.secretName" -}}
{{ .Values.existingSecret | default (printf "%s-secrets" .Release.Name) }}
{{- end }}

{{/* A process's row over the defaults, as JSON. */}}
{{- define "ultramarket.process" -}}
{{- mergeOverwrite (deepCopy .root.Values.defaults) (deepCopy .row) | toJson -}}
{{- end }}

{{/* What every container of ours has: settings, secrets, no rights. */}}
{{- define "ultramarket.container" -}}
image: {{ include "ultramarket.image" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
envFrom:
  - configMapRef: {name: {{ .Release.Name }}-settings}
  - secretRef: {name: {{ include "ultramarket.secretName" . }}}
  {{- with .account }}
  - secretRef: {name: {{ . }}}
  {{- end }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
volumeMounts:
  - {name: tmp, mountPath: /tmp}
  - {name: jwt, mountPath: /var/run/ultramarket, readOnly: true}
{{- end }}

{{/* A URL that all processes get: without credentials where each has accounts of its own. */}}
{{- define "ultramarket.commonUrl" -}}
{{- $url := include "ultramarket.url" . -}}
{{- if .root.Values.accounts -}}{{ regexReplaceAll "//[^@/]*@" $url "//" }}{{- else -}}{{ $url }}{{- end -}}
{{- end }}

{{/* Settings with the URLs of a service's accounts: {postgresUrl: …} becomes ULTRAMARKET_POSTGRES_URL_ORDERS. */}}
{{- define "ultramarket.account" -}}
{{- range $name, $url := .urls }}
ULTRAMARKET_{{ $name | snakecase | upper }}_{{ $.service | replace "-" "_" | upper }}: {{ $url | quote }}
{{- end }}
{{- end }}

{{- define "ultramarket.pod" -}}
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
{{- toYaml . | nindent 2 }}
{{- end }}
automountServiceAccountToken: false
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  seccompProfile: {type: RuntimeDefault}
volumes:
  - name: tmp
    emptyDir: {sizeLimit: 256Mi}
  - name: jwt
    secret:
      secretName: {{ include "ultramarket.secretName" . }}
      items:
        - {key: jwt.pem, path: jwt.pem}
        - {key: encryption_keys.json, path: encryption_keys.json}
      defaultMode: 0440
{{- end }}

{{/* nginx in front of the gateway: the container that writes its configuration, and its own. */}}
{{- define "ultramarket.nginxMounts" -}}
- {name: tmp, mountPath: /tmp}
- {name: nginx, mountPath: /etc/nginx/ultramarket}
{{- if .Values.nginx.tlsSecret }}
- {name: tls, mountPath: /etc/nginx/tls, readOnly: true}
{{- end }}
{{- end }}

{{- define "ultramarket.nginxConfig" -}}
- name: nginx-config
  {{- $mounts := include "ultramarket.nginxMounts" . | fromYamlArray }}
  {{- $container := include "ultramarket.container" . | fromYaml }}
  {{- toYaml (set $container "volumeMounts" (concat $mounts (list (dict "name" "jwt" "mountPath" "/var/run/ultramarket" "readOnly" true)))) | nindent 2 }}
  command: [python, -m, ultramarket.nginx_config, /etc/nginx/ultramarket]
  resources: {requests: {cpu: 10m, memory: 64Mi}, limits: {memory: 128Mi}}
{{- end }}

{{- define "ultramarket.nginx" -}}
- name: nginx
  image: {{ .Values.nginx.image }}
  command: [nginx, -c, /etc/nginx/ultramarket/nginx.conf, -e, stderr]
  securityContext:
    allowPrivilegeEscalation: false
    readOnlyRootFilesystem: true
    capabilities: {drop: [ALL]}
  ports:
    - {name: shop, containerPort: 3000}
    {{- if .Values.nginx.tlsSecret }}
    - {name: shop-tls, containerPort: 3049}
    {{- end }}
  readinessProbe:
    tcpSocket: {port: shop}
    periodSeconds: 5
  lifecycle:
    # Kubernetes ends containers with SIGTERM, on which nginx drops requests.
    preStop: {exec: {command: [sh, -c, "sleep 5; nginx -c /etc/nginx/ultramarket/nginx.conf -e stderr -s quit; sleep 6"]}}
  volumeMounts: {{- include "ultramarket.nginxMounts" . | nindent 4 }}
  resources: {{- toYaml .Values.nginx.resources | nindent 4 }}
{{- end }}

{{- define "ultramarket.nginxVolumes" -}}
- name: nginx
  emptyDir: {sizeLimit: 1Gi}
{{- with .Values.nginx.tlsSecret }}
- name: tls
  secret: {secretName: {{ . }}, defaultMode: 0440}
{{- end }}
{{- end }}

{{- define "ultramarket.trialUrl" -}}
{{- $password := .root.Values.trial.password -}}
{{- $host := printf "%s-%s" .root.Release.Name .server -}}
{{- get (dict
  "postgres" (printf "postgresql://ultramarket:%s@%s:5432/ultramarket" $password $host)
  "rabbitmq" (printf "amqp://ultramarket:%s@%s:5672/ultramarket" $password $host)
  "mongodb" (printf "mongodb://%s:27017/?replicaSet=rs0&w=majority" $host)
  "redis" (printf "redis://%s:6379/0" $host)
  "kafka" (printf "%s:9092" $host)
  "elasticsearch" (printf "http://%s:9200" $host)
  "mail" (printf "smtp://%s:1025" $host)) .server -}}
{{- end }}

{{/* A server's URL: given, or the trial's own, or an error that names the value. */}}
{{- define "ultramarket.url" -}}
{{- $given := get .root.Values.servers .value -}}
{{- if $given -}}{{ $given }}
{{- else if .root.Values.trial.enabled -}}{{ include "ultramarket.trialUrl" . }}
{{- else -}}{{ fail (printf "servers.%s is needed (or trial.enabled=true to try the chart)" .value) }}
{{- end -}}
{{- end }}
