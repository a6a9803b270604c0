// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Diagnostics;
using Capbox.Platform.Linux;
using Capbox.Platform.Nic;
using Xunit;

namespace Capbox.Tests;

/// <summary>The port inventory against what the kernel's own tools say, and offload changes on a veth pair in the tests' namespace.</summary>
public sealed class NicTests : IDisposable
{
    private readonly LinkControl _links = new();

    public void Dispose() => _links.Dispose();

    [Fact]
    public void The_inventory_lists_exactly_the_interfaces_that_sysfs_lists()
    {
        // Other tests make and delete interfaces meanwhile: what is there before and after must be listed, what is in neither must not.
        string[] before = SysfsNames();
        string[] names = [.. PortInfo.List(_links).Select(p => p.Name)];
        string[] after = SysfsNames();
        Assert.Contains("lo", names);
        Assert.Empty(before.Intersect(after).Except(names));
        Assert.Empty(names.Except(before).Except(after));
    }

    [Fact]
    public void Loopback_is_described_as_the_kernel_defines_it()
    {
        PortInfo lo = Assert.IsType<PortInfo>(PortInfo.Find(_links, "lo"));
        Assert.Equal(1, lo.Index);
        Assert.Equal(772, lo.HardwareType);
        Assert.Equal("00:00:00:00:00:00", lo.Mac);
        Assert.Equal(65536, lo.MtuBytes);
        Assert.Null(lo.SpeedBitsPerSecond);
        Assert.NotNull(lo.Offloads.Gro);
        Assert.NotNull(lo.Timestamping);
        Assert.Null(lo.Timestamping.PhcIndex);
        Assert.False(lo.Timestamping.HardwareAll);
        Assert.True(lo.Timestamping.ReceivesSoftware);
    }

    [Theory]
    [InlineData("")]
    [InlineData(".")]
    [InlineData("../net")]
    [InlineData("no-such-port0")]
    [InlineData("a-name-that-is-much-longer-than-15-bytes")]
    public void A_name_without_an_interface_is_not_found(string name) => Assert.Null(PortInfo.Find(_links, name));

    [Fact]
    public void Gro_is_turned_off_and_restored()
    {
        using VethPair veth = new();
        Ip($"link set {veth.A} up");
        Assert.Equal(0, _links.Ethtool.TrySet(veth.A, Ethtool.ETHTOOL_SGRO, 1));

        OffloadSetting setting = OffloadSetting.TurnOff(_links, veth.A);
        Assert.True(setting.TurnedGroOff);
        Assert.Null(setting.Problem);
        Assert.False(PortInfo.Find(_links, veth.A)!.Offloads.Gro);

        setting.Dispose();
        Assert.True(PortInfo.Find(_links, veth.A)!.Offloads.Gro);
    }

    [Fact]
    public void Gro_that_was_off_stays_off()
    {
        using VethPair veth = new();
        Assert.Equal(0, _links.Ethtool.TrySet(veth.A, Ethtool.ETHTOOL_SGRO, 0));
        OffloadSetting setting = OffloadSetting.TurnOff(_links, veth.A);
        Assert.False(setting.TurnedGroOff);
        setting.Dispose();
        Assert.False(PortInfo.Find(_links, veth.A)!.Offloads.Gro);
    }

    [Fact]
    public void A_nic_without_hardware_stamps_grants_none_and_says_so()
    {
        using VethPair veth = new();
        using HardwareStamps stamps = HardwareStamps.TryEnableAll(_links, veth.A);
        Assert.False(stamps.StampsAll);
        Assert.Equal(StampFilter.None, stamps.Granted);
        Assert.Equal("the NIC cannot stamp every packet in hardware", stamps.Problem);
    }

    [Fact]
    public void A_missing_port_is_an_answer_and_not_a_throw()
    {
        using OffloadSetting setting = OffloadSetting.TurnOff(_links, "no-such-port0");
        Assert.False(setting.TurnedGroOff);
        using HardwareStamps stamps = HardwareStamps.TryEnableAll(_links, "no-such-port0");
        Assert.Equal("no hardware stamps: No such device", stamps.Problem);
    }

    [Fact]
    public void State_speed_and_driver_of_a_veth_are_reported()
    {
        using VethPair veth = new();
        PortInfo before = PortInfo.Find(_links, veth.A)!;
        Assert.Equal("veth", before.Driver);
        Assert.False(before.Up);
        Assert.Null(before.Carrier);

        Ip($"link set {veth.A} mtu 9000 up");
        Ip($"link set {veth.B} up");
        PortInfo after = PortInfo.Find(_links, veth.A)!;
        Assert.True(after.Up);
        Assert.True(after.Carrier);
        Assert.Equal("up", after.OperState);
        Assert.Equal(9000, after.MtuBytes);
        Assert.Equal(10_000_000_000, after.SpeedBitsPerSecond);
        Assert.Equal(1, after.HardwareType);
    }

    private static string[] SysfsNames() => [.. Directory.EnumerateDirectories("/sys/class/net").Select(p => Path.GetFileName(p)!)];

    private static void Ip(string arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo("ip", arguments) { RedirectStandardError = true })!;
        string error = process.StandardError.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, $"ip {arguments}: {error}");
    }

    /// <summary>Two connected interfaces that go away with the test.</summary>
    private sealed class VethPair : IDisposable
    {
        private static int s_next;

        public VethPair()
        {
            int number = Interlocked.Increment(ref s_next);
            A = $"cbn{Environment.ProcessId % 100000}x{number}a";
            B = A[..^1] + "b";
            Ip($"link add {A} type veth peer name {B}");
        }

        public string A { get; }
        public string B { get; }

        public void Dispose() => Ip($"link del {A}");
    }
}
