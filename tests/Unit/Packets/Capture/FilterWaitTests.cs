// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Diagnostics;
using Capbox.Packets.Capture;
using Xunit;

namespace Capbox.Tests;

/// <summary>Filters that do not compile yet.</summary>
public class FilterWaitTests
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(60);

    private static bool Comes(Func<bool> condition) => SpinWait.SpinUntil(condition, s_patience);

    [Fact]
    public void Filters_that_compile_are_no_wait_at_all()
    {
        Assert.Null(new FilterWait([("tcp", 100), ("udp port 53", 100)], first: s_patience).Poll());
        Assert.Equal("filter \"tcp prot\": wrong", new FilterWait([("udp", 100), ("tcp prot", 100)], check: (e, _) => e == "udp" ? null : "wrong", first: s_patience).Poll());
    }

    [Fact]
    public void A_filter_is_tried_again_until_it_compiles()
    {
        int tries = 0;
        var wait = new FilterWait([("host a", 100)], check: (_, _) => Interlocked.Increment(ref tries) < 3 ? "unknown host" : null, again: TimeSpan.FromMilliseconds(1), first: s_patience);
        Assert.Equal("filter \"host a\": unknown host", wait.Poll());
        Assert.True(Comes(() => wait.Poll() is null));
        Assert.Equal(3, tries);
    }

    [Fact]
    public void What_is_known_not_to_compile_is_not_tried_at_once()
    {
        int tries = 0;
        string? Check(string expression, int snapLength)
        {
            Interlocked.Increment(ref tries);
            return null;
        }

        var wait = new FilterWait([("host a", 100)], "unknown host", Check, TimeSpan.FromHours(1));
        Assert.Equal("unknown host", wait.Poll());
        Assert.Equal("unknown host", wait.Poll());
        Assert.Equal(0, tries);
        wait = new FilterWait([("host a", 100)], "unknown host", Check, TimeSpan.Zero);
        Assert.Equal("unknown host", wait.Poll());
        Assert.True(Comes(() => wait.Poll() is null));
        Assert.Equal(1, tries);
    }

    [Fact]
    public void A_look_up_that_hangs_holds_nobody_up_and_is_one()
    {
        using var answer = new ManualResetEventSlim();
        int tries = 0;
        var wait = new FilterWait([("host a", 100)], check: (_, _) =>
        {
            Interlocked.Increment(ref tries);
            answer.Wait();
            return null;
        });
        Assert.Contains("being looked up", wait.Poll());
        var clock = Stopwatch.StartNew();
        for (int i = 0; i < 100; i++)
            Assert.NotNull(wait.Poll());
        Assert.True(clock.Elapsed < TimeSpan.FromSeconds(60));
        Assert.Equal(1, tries);
        answer.Set();
        Assert.True(Comes(() => wait.Poll() is null));
    }
}
