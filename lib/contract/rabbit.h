/*
 * rabbit.h - the only include of librabbitmq: its headers moved into a folder
 * in 0.12.
 */
#ifndef CAMPAIGN_CONTRACT_RABBIT_H
#define CAMPAIGN_CONTRACT_RABBIT_H

#if defined(__has_include)
#if __has_include(<rabbitmq-c/amqp.h>)
#include <rabbitmq-c/amqp.h>
#include <rabbitmq-c/framing.h>
#include <rabbitmq-c/ssl_socket.h>
#include <rabbitmq-c/tcp_socket.h>
#else
#include <amqp.h>
#include <amqp_framing.h>
#include <amqp_ssl_socket.h>
#include <amqp_tcp_socket.h>
#endif
#else
#include <amqp.h>
#include <amqp_framing.h>
#include <amqp_ssl_socket.h>
#include <amqp_tcp_socket.h>
#endif

#endif /* CAMPAIGN_CONTRACT_RABBIT_H */
