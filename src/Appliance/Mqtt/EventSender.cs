// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Health;

namespace Capbox.Mqtt;

/// <summary>
/// Sends what waits over one connection: one after the other, each acknowledged before the next, so that they arrive in order, and not
/// faster than live messages can bear.
/// </summary>
internal static class EventSender
{
    /// <summary>Between two: a backlog of thousands takes minutes, not the line.</summary>
    public static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(20);

    /// <summary>What the broker refuses is kept and tried again: a right may be given back.</summary>
    public static readonly TimeSpan PauseAfterRefusal = TimeSpan.FromSeconds(10);

    /// <param name="spool">What waits.</param>
    /// <param name="publish">To a suffix of the box's topic; false: refused. What it throws ends this.</param>
    /// <param name="stop">The connection or the box ends.</param>
    public static async Task RunAsync(EventSpool spool, Func<string, byte[], Task<bool>> publish, CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            if (!spool.TryPeek(out SpooledEvent next))
            {
                await spool.WaitAsync(stop);
                continue;
            }

            bool isTaken = await SendAsync(spool, next, publish);
            await Task.Delay(isTaken ? Pause : PauseAfterRefusal, stop);
        }
    }

    /// <summary>Before the good-bye: what is left, for so long.</summary>
    public static async Task FlushAsync(EventSpool spool, Func<string, byte[], Task<bool>> publish, TimeSpan most)
    {
        long until = Environment.TickCount64 + (long)most.TotalMilliseconds;
        while (Environment.TickCount64 < until && spool.TryPeek(out SpooledEvent next) && await SendAsync(spool, next, publish))
        {
        }
    }

    private static async Task<bool> SendAsync(EventSpool spool, SpooledEvent next, Func<string, byte[], Task<bool>> publish)
    {
        (string suffix, byte[] json) = EventJournal.Unpack(next);
        bool isTaken = await publish(suffix, json);
        if (isTaken)
            spool.Acknowledge(next.Ordinal);
        return isTaken;
    }
}
