using System.Diagnostics;
using Capbox.Capture;
using Xunit;

namespace Capbox.Tests;

/// <summary>Filters that do not compile yet.</summary>
public class FilterWaitTests
{
    private static bool Comes(Func<bool> condition) => SpinWait.SpinUntil(condition, TimeSpan.FromSeconds(60));

    [Fact]
    public void Filters_that_compile_are_no_wait_at_all()
    {
        Assert.Null(new FilterWait([("tcp", 100), ("udp port 53", 100)]).Look());
        Assert.Equal("filter \"tcp prot\": wrong", new FilterWait([("udp", 100), ("tcp prot", 100)], (e, _) => e == "udp" ? null : "wrong").Look());
    }

    [Fact]
    public void A_filter_is_tried_again_until_it_compiles()
    {
        int tries = 0;
        var wait = new FilterWait([("host a", 100)], (_, _) => Interlocked.Increment(ref tries) < 3 ? "unknown host" : null, TimeSpan.FromMilliseconds(1));
        Assert.Equal("filter \"host a\": unknown host", wait.Look());
        Assert.True(Comes(() => wait.Look() is null));
        Assert.Equal(3, tries);
    }

    [Fact]
    public void A_look_up_that_hangs_holds_nobody_up_and_is_one()
    {
        using var answer = new ManualResetEventSlim();
        int tries = 0;
        var wait = new FilterWait([("host a", 100)], (_, _) =>
        {
            Interlocked.Increment(ref tries);
            answer.Wait();
            return null;
        });
        Assert.Contains("being looked up", wait.Look());
        var clock = Stopwatch.StartNew();
        for (int i = 0; i < 100; i++)
            Assert.NotNull(wait.Look());
        Assert.True(clock.Elapsed < TimeSpan.FromSeconds(60));
        Assert.Equal(1, tries);
        answer.Set();
        Assert.True(Comes(() => wait.Look() is null));
    }
}
