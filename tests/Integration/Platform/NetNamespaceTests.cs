// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Packets.Capture;
using Capbox.Platform.Linux;
using Xunit;

namespace Capbox.Tests;

/// <summary>Entering network namespaces: who is inside, and who is not afterwards.</summary>
[Collection("Integration")]
public sealed class NetNamespaceTests
{
    /// <summary>net:[number] of the calling thread.</summary>
    private static string Here() => new FileInfo("/proc/thread-self/ns/net").LinkTarget!;

    [Fact]
    public void Work_runs_inside_and_the_caller_stays_outside()
    {
        using var lab = new Lab(pairs: 1);
        string before = Here();
        int caller = Environment.CurrentManagedThreadId;
        using NetNamespace space = NetNamespace.TryOpen(lab.RecorderSpace)!;
        (string inside, int thread) = space.Run(() => (Here(), Environment.CurrentManagedThreadId));
        Assert.NotEqual(before, inside);
        Assert.NotEqual(caller, thread);
        Assert.Equal(before, Here());
        Assert.Equal("what it threw", Assert.Throws<InvalidOperationException>(() => space.Run<int>(() => throw new InvalidOperationException("what it threw"))).Message);
        Assert.Equal(before, Here());
        Assert.Equal($"/run/netns/{lab.RecorderSpace}", space.Path);
    }

    [Fact]
    public void Sockets_made_inside_show_the_namespace_from_outside_also_when_its_name_is_gone()
    {
        using var lab = new Lab(pairs: 2);
        using PortNamespace space = PortNamespace.TryOpen(lab.RecorderSpace)!;
        Assert.Equal(["lo", "b0", "b1"], space.Links.List().Select(l => l.Name));
        LinkRecord b1 = space.Links.Find("b1")!;
        Assert.Equal("b1", space.Links.Find(b1.Index)!.Name);
        Assert.Null(space.Links.Find("a0"));
        Assert.Null(space.Links.Find(99999));
        Assert.Null(space.Links.Find("a-name-of-16-byt"));
        Assert.True(b1.IsUp);
        lab.Ip("link", "property", "add", "dev", "b1", "altname", "other1");
        Assert.Null(space.Links.Find("other1"));
        ulong before = b1.Counters.RxPackets;
        RawSender.Send(lab.SenderSpace, "a1", Enumerable.Range(0, 7).Select(i => Frames.Plain(100, i)));
        Assert.Equal(7ul, space.Links.Find("b1")!.Counters.RxPackets - before);
        Assert.Equal(10_000_000_000, Link.Find(space.Links, "b1")!.SpeedBitsPerSecond);
        Assert.Equal("veth", Link.Find(space.Links, "b1")!.Driver);

        Assert.True(space.IsCurrent);
        Tool.Run("ip", "netns", "del", lab.RecorderSpace);
        Assert.False(space.IsCurrent);
        Assert.NotNull(space.Links.Find("b1"));
        Assert.Null(PortNamespace.TryOpen(lab.RecorderSpace));
        Lab.MakeSpace(lab.RecorderSpace);
        Assert.False(space.IsCurrent);
    }

    [Theory]
    [InlineData("/dev/null")]
    [InlineData("/run")]
    [InlineData("/proc/self/ns/mnt")]
    public void What_is_no_network_namespace_is_refused_by_its_path(string path) =>
        Assert.Equal($"{path} is no network namespace", Assert.Throws<NotANamespaceException>(() => NetNamespace.TryOpen(path)).Message);

    [Fact]
    public void A_pipe_at_the_path_does_not_block()
    {
        string path = Path.Combine(Path.GetTempPath(), $"capbox-pipe-{Environment.ProcessId}");
        Tool.Run("mkfifo", path);
        try
        {
            Assert.Throws<NotANamespaceException>(() => NetNamespace.TryOpen(path));
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Theory]
    [InlineData("eth0", null, "eth0")]
    [InlineData("blue/eth0", "blue", "eth0")]
    [InlineData("/proc/4711/ns/net/eth0", "/proc/4711/ns/net", "eth0")]
    public void A_port_is_its_namespace_and_its_interface(string port, string? netns, string name)
    {
        Assert.Equal((netns, name), (PortName.NetnsOf(port), PortName.InterfaceOf(port)));
        Assert.Equal(port, PortName.Join(netns, name));
        Assert.Null(PortName.Check(port));
    }
}
