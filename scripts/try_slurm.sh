#!/usr/bin/env bash
# Tries `recsys launch slurm` on a real Slurm: one node, on this machine, in a folder of its own.
#
#   scripts/try_slurm.sh [FOLDER]
#
# Two seeds are launched as an array and waited for. While they train, a job of a partition that
# goes first preempts them, and then one is requeued by hand; both must go on where they stopped,
# and end with their metrics and with one run in MLflow each. Needs `apt-get install slurm-wlm
# munge`, and recsys in the environment of `python`. CI does not run it; it takes some minutes. The
# folder (/tmp/slurm-… by default) keeps the runs and Slurm's logs.
set -euo pipefail

folder=$(realpath "${1:-$(mktemp -d /tmp/slurm-XXXXXX)}")
repository=$(realpath "$(dirname "$0")/..")
mkdir -p "$folder"/{slurm,munge,spool}
chmod 700 "$folder/munge"
cd "$folder"
export SLURM_CONF=$folder/slurm/slurm.conf PYTHONPATH=$repository
export PATH=$PATH:/usr/sbin

end() {
  status=$?
  scancel --user "$USER" 2>/dev/null && until [[ -z $(squeue --noheader) ]]; do sleep 1; done
  for each in slurmd slurmctld munged; do  # in this order
    [[ -f $folder/slurm/$each.pid ]] && kill "$(cat "$folder/slurm/$each.pid")" 2>/dev/null
  done
  exit $status
}
export USER=${USER:-$(id -un)}
trap end EXIT

# The daemons.
head -c 1024 /dev/urandom >munge/key
chmod 400 munge/key
munged --force --key-file="$folder/munge/key" --socket="$folder/munge/socket" \
  --pid-file="$folder/slurm/munged.pid" --log-file="$folder/munge/log" \
  --seed-file="$folder/munge/seed"
host=$(hostname -s)
cat >"$SLURM_CONF" <<EOF
ClusterName=try
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=16817
SlurmdPort=16818
SlurmUser=$USER
SlurmdUser=$USER
AuthType=auth/munge
AuthInfo=socket=$folder/munge/socket
CredType=cred/munge
StateSaveLocation=$folder/spool/ctld
SlurmdSpoolDir=$folder/spool/d
SlurmctldPidFile=$folder/slurm/slurmctld.pid
SlurmdPidFile=$folder/slurm/slurmd.pid
SlurmctldLogFile=$folder/slurm/slurmctld.log
SlurmdLogFile=$folder/slurm/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
SchedulerParameters=sched_interval=2,batch_sched_delay=1
KillWait=60
ReturnToService=2
NodeName=$host NodeAddr=127.0.0.1 CPUs=2 RealMemory=4000 State=UNKNOWN
PartitionName=low Nodes=$host Default=YES PriorityTier=1
PartitionName=high Nodes=$host PriorityTier=10
EOF
slurmctld
slurmd
until sinfo --noheader --format=%T | grep -q idle; do sleep 1; done
sinfo

# An experiment that trains for about a minute.
python -m recsys data generate log --events 20000 --users 700 --items 500 >/dev/null
cat >try.yaml <<'EOF'
data:
  log: {path: log/interactions.parquet, columns: {user: user, item: item, time: time}}
  split: {kind: leave_one_out}
model: {dim: 16, max_events: 20, query: {encoder: {kind: gru}}}
training: {epochs: 6, seeds: [11, 12]}
evaluation: {baselines: [popular]}
export: {quality_queries: 10}
EOF

echo "slurm: {gpus: 0, cpus: 1, memory_gib: 2, poll_seconds: 2}" >places.yaml

state() { squeue --noheader --array --states=all --name=recsys-try --format=%K:%T | sort | xargs; }
trained() { cat runs/try/slurm-[0-9]*-"$1".log 2>/dev/null | grep -c "^epoch" || true; }

python -m recsys launch slurm try.yaml --settings places.yaml --wait >launch.log 2>&1 &
launch=$!
until [[ $(trained 0) -ge 1 && $(trained 1) -ge 1 ]]; do sleep 1; done
echo "both train: $(state)"
sbatch --quiet --wait --partition=high --cpus-per-task=2 --job-name=urgent --output=/dev/null \
  --wrap "sleep 3" &
urgent=$!
until squeue --noheader --name=urgent --format=%T | grep -q RUNNING; do sleep 1; done
echo "an urgent job runs: $(state)"
wait $urgent
until [[ $(state) == *0:RUNNING* ]]; do sleep 1; done
sleep 5
array=$(squeue --noheader --name=recsys-try --array --format=%F | head -1)
scontrol requeue "${array}_0"
echo "requeued by hand: $(state)"
wait $launch || { cat launch.log; exit 1; }
cat launch.log
python -m recsys list
for seed in 11 12; do
  [[ -f runs/try/$seed/metrics.json ]]
  again=$(grep -h "^epoch" "runs/try/slurm-"[0-9]*"-$((seed - 11)).log" | cut -d ' ' -f 2 | sort | uniq -d)
  [[ -z $again ]] || { echo "seed $seed trained twice: $again" >&2; exit 1; }
done
