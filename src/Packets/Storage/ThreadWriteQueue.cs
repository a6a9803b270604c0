// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Runtime.InteropServices;
using Capbox.Platform.Linux;

namespace Capbox.Packets.Storage;

/// <summary>
/// A few threads that write with pwrite(2), for kernels and containers where io_uring is not permitted. Two bounded rings under one lock; a
/// lock per block, never per packet.
/// </summary>
internal sealed unsafe class ThreadWriteQueue : WriteQueue
{
    private const int MaxThreads = 8;

    /// <summary>A thread stuck in a disk that does not answer is left to the end of the process.</summary>
    private const int JoinMs = 1000;
    private readonly record struct Job(int Fd, nint Buffer, int Bytes, long Offset, ulong Tag);

    private readonly object _gate = new();
    private readonly Job[] _jobs;
    private readonly (ulong Tag, int Result)[] _done;
    private readonly Thread[] _threads;
    private int _firstJob, _jobCount, _firstDone, _doneCount;
    private bool _stopping;

    public ThreadWriteQueue(int depth)
    {
        _jobs = new Job[depth];
        _done = new (ulong, int)[depth * 2];
        _threads = new Thread[Math.Min(depth, MaxThreads)];
        for (int i = 0; i < _threads.Length; i++)
        {
            _threads[i] = new Thread(Work, maxStackSize: 256 * 1024) { IsBackground = true, Name = $"capbox-write{i}" };
            _threads[i].Start();
        }
    }

    public override string Name => "threads";

    public override int Write(int fd, nint buffer, int bytes, long offset, ulong tag)
    {
        lock (_gate)
        {
            if (_jobCount == _jobs.Length)
                return Errno.EAGAIN;
            _jobs[(_firstJob + _jobCount++) % _jobs.Length] = new Job(fd, buffer, bytes, offset, tag);
            Monitor.PulseAll(_gate);
        }

        return 0;
    }

    public override bool TryTake(out ulong tag, out int result)
    {
        lock (_gate)
        {
            (tag, result) = _done[_firstDone];
            if (_doneCount == 0)
                return false;
            _firstDone = (_firstDone + 1) % _done.Length;
            _doneCount--;
            return true;
        }
    }

    public override void Wait(int timeoutMs)
    {
        lock (_gate)
        {
            // A pulse for a new job may wake this early; the owner looks again anyway.
            if (_doneCount == 0)
                Monitor.Wait(_gate, timeoutMs);
        }
    }

    public override void Dispose()
    {
        lock (_gate)
        {
            _stopping = true;
            Monitor.PulseAll(_gate);
        }

        foreach (Thread thread in _threads)
            thread.Join(JoinMs);
    }

    private void Work()
    {
        while (TryNext(out Job job))
        {
            nint written;
            do
                written = LibC.pwrite(job.Fd, (void*)job.Buffer, job.Bytes, job.Offset);
            while (written < 0 && Marshal.GetLastPInvokeError() == Errno.EINTR);
            int result = written < 0 ? -Marshal.GetLastPInvokeError() : (int)written;
            lock (_gate)
            {
                _done[(_firstDone + _doneCount++) % _done.Length] = (job.Tag, result);
                Monitor.PulseAll(_gate);
            }
        }
    }

    private bool TryNext(out Job job)
    {
        lock (_gate)
        {
            while (_jobCount == 0 && !_stopping)
                Monitor.Wait(_gate);
            job = _jobs[_firstJob];
            if (_jobCount == 0)
                return false;
            _firstJob = (_firstJob + 1) % _jobs.Length;
            _jobCount--;
            return true;
        }
    }
}
