// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;
using Capbox.Platform.Nic;
using Capbox.Ptp.Clocks;
using Xunit;

namespace Capbox.Ptp.Tests.Clocks;

/// <summary>The inventory of a namespace of its own, with veth.</summary>
public partial class NamespaceInventoryTests
{
    [Fact]
    public void A_namespace_has_its_own_ports_and_a_veth_is_found_by_its_driver() => InNewNamespace(() =>
    {
        Ip("link", "add", "veth0", "type", "veth", "peer", "name", "veth1");
        IReadOnlyList<ClockPort> ports = ClockPort.List();
        Assert.Equal(["lo", "veth0", "veth1"], ports.Select(port => port.Name).Order());
        ClockPort port = ports.Single(found => found.Name == "veth0");
        Assert.Equal("veth", port.Driver);
        Assert.Equal((StampKind.Software, StampKind.Software), (port.PtpStamps, port.PacketStamps));
        Assert.Null(port.Clock);
        Assert.True(port.Quirks.HasFlag(DriverQuirks.SoftwareOnly));
    });

    /// <summary>On a thread of its own, with which the namespace goes.</summary>
    private static void InNewNamespace(Action work)
    {
        const int CLONE_NEWNET = 0x40000000;
        ExceptionDispatchInfo? failure = null;
        Thread thread = new(() =>
        {
            try
            {
                Assert.Equal(0, unshare(CLONE_NEWNET));
                work();
            }
            catch (Exception e)
            {
                failure = ExceptionDispatchInfo.Capture(e);
            }
        });
        thread.Start();
        thread.Join();
        failure?.Throw();
    }

    [LibraryImport("libc")]
    private static partial int unshare(int flags);

    private static void Ip(params string[] arguments) => Tool.Run("ip", arguments);
}
