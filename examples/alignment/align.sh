#!/bin/sh
# Aligns the paired reads of phage lambda that Debian's package bowtie2-examples ships: index, align, sort, count.
# Needs bowtie2 and samtools. Writes lambda.bam and counts.txt into the working directory.
set -eu

# Where the package keeps reference and reads; READS_HOME names another place.
home="${READS_HOME:-/usr/share/doc/bowtie2/examples}"
threads="${OMP_NUM_THREADS:-1}"

echo "building the index"
gzip -dc "$home/reference/lambda_virus.fa.gz" > lambda.fa
bowtie2-build --quiet lambda.fa lambda

echo "aligning"
# A fixed seed and reads in their own order: the same result on any number of threads.
bowtie2 --threads "$threads" --seed 1 --reorder -x lambda \
  -1 "$home/reads/reads_1.fq.gz" -2 "$home/reads/reads_2.fq.gz" -S lambda.sam

echo "sorting"
samtools sort -o lambda.bam lambda.sam
samtools index lambda.bam
rm lambda.sam

echo "counting"
{
  echo "reads $(samtools view -c lambda.bam)"
  echo "mapped $(samtools view -c -F 4 lambda.bam)"
  echo "properly-paired $(samtools view -c -f 2 lambda.bam)"
} > counts.txt
cat counts.txt
